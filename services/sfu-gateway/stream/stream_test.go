package stream

import (
	"fmt"
	"testing"
	"time"

	"github.com/pion/rtp"

	"flashback/sfu-gateway/rtcnet"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// virtualStream is a stream on virtual time. What went down is read back from its history.
type virtualStream struct {
	*Stream
	now time.Time
}

func newVirtualStream(t *testing.T) *virtualStream {
	t.Helper()
	s := &virtualStream{now: noon}
	f := NewFactory(Options{VideoHistory: 100, Handover: time.Second, Now: func() time.Time { return s.now }})
	s.Stream = f.New(rtcnet.VP8, "avatar")
	t.Cleanup(s.Close)
	return s
}

func packet(seq uint16, ts uint32) *rtp.Packet {
	return &rtp.Packet{
		Header: rtp.Header{Version: 2, SequenceNumber: seq, Timestamp: ts, SSRC: 9, PayloadType: 120, Marker: true},
		// The first packet of a keyframe.
		Payload: []byte{0x10, 0x00, byte(seq)},
	}
}

// newest is the last packet that went down.
func (s *virtualStream) newest(t *testing.T) *rtp.Packet {
	t.Helper()
	raw := make([]byte, packetSlot)
	n, err := s.buffer.GetPacket(raw, s.seq)
	if err != nil {
		t.Fatal(err)
	}
	p := &rtp.Packet{}
	if err := p.Unmarshal(raw[:n]); err != nil {
		t.Fatal(err)
	}
	return p
}

func (s *virtualStream) sends(t *testing.T, source *Source, seq uint16, ts uint32) *rtp.Packet {
	t.Helper()
	if !source.Write(packet(seq, ts)) {
		t.Fatalf("packet %d was not forwarded", seq)
	}
	return s.newest(t)
}

// A new source's first packet follows the old one's last number, at the time that passed between them.
func TestChangeOfSource(t *testing.T) {
	s := newVirtualStream(t)
	first, second := s.NewSource(nil), s.NewSource(nil)
	a := s.sends(t, first, 65535, 4_000_000_000)
	b := s.sends(t, first, 0, 4_000_006_000)
	if b.SequenceNumber != a.SequenceNumber+1 || b.Timestamp != a.Timestamp+6000 || b.SSRC != a.SSRC {
		t.Errorf("%v then %v", a.Header, b.Header)
	}
	first.Release()
	s.now = s.now.Add(3 * time.Second)
	c := s.sends(t, second, 777, 5)
	if c.SequenceNumber != b.SequenceNumber+1 || c.Timestamp != b.Timestamp+3*90000 || c.SSRC != a.SSRC {
		t.Errorf("%v then %v", b.Header, c.Header)
	}
	if first.Write(packet(1, 4_000_012_000)) {
		t.Error("a source that was released is forwarded")
	}
}

// Packets that come late or twice keep their number, and do not move the end of the stream.
func TestReordering(t *testing.T) {
	s := newVirtualStream(t)
	first, second := s.NewSource(nil), s.NewSource(nil)
	a := s.sends(t, first, 10, 1000)
	c := s.sends(t, first, 12, 3000)
	if c.SequenceNumber != a.SequenceNumber+2 {
		t.Errorf("the gap is lost: %d then %d", a.SequenceNumber, c.SequenceNumber)
	}
	if late := s.sends(t, first, 11, 2000); late.SequenceNumber != c.SequenceNumber {
		t.Errorf("the end moved to %d", late.SequenceNumber)
	}
	first.Release()
	if d := s.sends(t, second, 99, 0); d.SequenceNumber != c.SequenceNumber+1 {
		t.Errorf("%d follows %d", d.SequenceNumber, c.SequenceNumber)
	}
}

// Header extensions, padding, the sender's SSRC and payload type do not go down; the marker and the payload do.
func TestRewriting(t *testing.T) {
	s := newVirtualStream(t)
	p := packet(1, 1)
	if err := p.SetExtension(3, []byte{1, 2}); err != nil {
		t.Fatal(err)
	}
	p.Padding, p.PaddingSize = true, 4
	if !s.NewSource(nil).Write(p) {
		t.Fatal("not forwarded")
	}
	got := s.newest(t)
	if got.Extension || got.Padding || got.SSRC != s.ssrc || got.PayloadType != uint8(rtcnet.VP8.PayloadType) || !got.Marker {
		t.Errorf("%+v", got.Header)
	}
	if string(got.Payload) != string(p.Payload) {
		t.Errorf("%v", got.Payload)
	}
}

// What the history cannot hold is dropped.
func TestOddPackets(t *testing.T) {
	s := newVirtualStream(t)
	source := s.NewSource(nil)
	for _, payload := range [][]byte{nil, make([]byte, maxPacket)} {
		p := packet(1, 1)
		p.Payload = payload
		if source.Write(p) {
			t.Errorf("%d bytes are forwarded", len(payload))
		}
	}
}

// While one source sends, another waits; after a silence it takes over, and the first waits in turn.
func TestHandover(t *testing.T) {
	s := newVirtualStream(t)
	ann, bob := s.NewSource(nil), s.NewSource(nil)
	s.sends(t, ann, 1, 0)
	s.now = s.now.Add(999 * time.Millisecond)
	if bob.Write(packet(1, 0)) {
		t.Error("two sources at once")
	}
	s.now = s.now.Add(time.Millisecond)
	s.sends(t, bob, 2, 960)
	if ann.Write(packet(2, 960)) {
		t.Error("the first one interrupts")
	}
	if !s.Live() {
		t.Error("not live")
	}
	s.now = s.now.Add(time.Minute)
	if s.Live() {
		t.Error("live after a minute of silence")
	}
}

// The present source alone is asked for keyframes.
func TestKeyframes(t *testing.T) {
	s := newVirtualStream(t)
	asked := map[string]int{}
	first := s.NewSource(func() { asked["first"]++ })
	second := s.NewSource(func() { asked["second"]++ })
	s.RequestKeyframe()
	first.Write(packet(1, 0)) // a source's first picture may not be whole and is left out
	s.sends(t, first, 2, 6000)
	s.RequestKeyframe()
	first.Release()
	second.Write(packet(1, 0))
	s.sends(t, second, 2, 6000)
	s.RequestKeyframe()
	if asked["first"] != 1 || asked["second"] != 1 {
		t.Errorf("%v", asked)
	}
}

// A sender report follows the stream's own time; at a change of source there is none until the new one's first.
func TestSenderReports(t *testing.T) {
	s := newVirtualStream(t)
	first, second := s.NewSource(nil), s.NewSource(nil)
	if _, _, known := s.senderReport(); known {
		t.Error("a report before the first packet")
	}
	a := s.sends(t, first, 1, 1000)
	first.Report(1000+45000, noon)
	second.Report(7, noon) // is not heard
	ts, at, known := s.senderReport()
	// On the line through the report, a second earlier: 90000 ticks.
	if !known || ts != a.Timestamp+45000-90000 || !at.Equal(noon.Add(-time.Second)) {
		t.Errorf("%d at %v after %d", ts, at, a.Timestamp)
	}
	first.Release()
	s.sends(t, second, 1, 0)
	if _, _, known := s.senderReport(); known {
		t.Error("the old source's report is still used")
	}
}

// One clock places both tracks of a sender, by the report that travelled fastest, never in the future.
func TestClock(t *testing.T) {
	var c Clock
	ahead := 3 * time.Minute
	for _, step := range []struct {
		sent, took, want time.Duration
	}{
		{0, 30 * time.Millisecond, 30 * time.Millisecond},
		{time.Second, 50 * time.Millisecond, time.Second + 30*time.Millisecond},
		{2 * time.Second, 10 * time.Millisecond, 2*time.Second + 10*time.Millisecond},
		{3 * time.Second, 40 * time.Millisecond, 3*time.Second + 10*time.Millisecond},
	} {
		got := c.Local(noon.Add(ahead+step.sent), noon.Add(step.sent+step.took))
		if !got.Equal(noon.Add(step.want)) {
			t.Errorf("sent at %v: %v, not %v", step.sent, got.Sub(noon), step.want)
		}
	}
}

// NTP times survive the way there and back.
func TestNTP(t *testing.T) {
	for _, at := range []time.Time{noon, noon.Add(123456789 * time.Nanosecond), noon.Add(999999999 * time.Nanosecond)} {
		t.Run(fmt.Sprint(at.Nanosecond()), func(t *testing.T) {
			if off := FromNTP(ToNTP(at)).Sub(at).Abs(); off > 2*time.Nanosecond {
				t.Errorf("off by %v", off)
			}
		})
	}
	if got := ToNTP(time.Unix(0, 0)); got != 2208988800<<32 {
		t.Errorf("%d", got)
	}
}
