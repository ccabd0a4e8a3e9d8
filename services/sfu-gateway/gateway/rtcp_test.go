package gateway

import (
	"bytes"
	"strconv"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"flashback/sfu-gateway/stream"
)

// Audio and video stay in sync, whatever the renderer's clock: a viewer's sender reports place what the renderer's
// placed at one time at one time.
func TestSenderReportsKeepSync(t *testing.T) {
	g := start(t, nil)
	renderer, _ := g.publishing(t, "s1", "face", 100)
	viewer := g.viewing(t, "s1")
	eventually(t, "media flows", func() bool { return viewer.has("audio", "face") && viewer.has("video", "face") })
	// The renderer's clock is three minutes ahead. Both tracks started at the tick 100 000: audio half a second before
	// what is reported, video a quarter.
	before := map[string]time.Duration{"audio": time.Second / 2, "video": time.Second / 4}
	clock := map[string]float64{"audio": 48000, "video": 90000}
	var reports []rtcp.Packet
	for _, s := range renderer.GetSenders() {
		kind := s.Track().Kind().String()
		reports = append(reports, &rtcp.SenderReport{
			SSRC:    uint32(s.GetParameters().Encodings[0].SSRC),
			NTPTime: stream.ToNTP(time.Now().Add(3 * time.Minute)),
			RTPTime: 100_000 + uint32(before[kind].Seconds()*clock[kind]),
		})
	}
	reports[1].(*rtcp.SenderReport).NTPTime = reports[0].(*rtcp.SenderReport).NTPTime
	if err := renderer.WriteRTCP(reports); err != nil {
		t.Fatal(err)
	}
	reported := time.Now()
	last := func(kind string) *rtcp.SenderReport {
		viewer.mu.Lock()
		defer viewer.mu.Unlock()
		if n := len(viewer.reports[kind]); n > 0 {
			return viewer.reports[kind][n-1]
		}
		return nil
	}
	eventually(t, "both tracks are reported", func() bool { return last("audio") != nil && last("video") != nil })
	starts := map[string]time.Time{}
	for kind := range before {
		report, first := last(kind), viewer.received(kind)[0]
		// The payload says how many ticks after its start the renderer sent this packet.
		ticks := report.RTPTime - first.Timestamp + sentTicks(t, first)
		starts[kind] = stream.FromNTP(report.NTPTime).Add(-time.Duration(float64(ticks) / clock[kind] * float64(time.Second)))
	}
	apart := starts["video"].Sub(starts["audio"])
	if wrong := (apart - (before["audio"] - before["video"])).Abs(); wrong > time.Millisecond {
		t.Errorf("out of sync by %v", wrong)
	}
	if off := starts["audio"].Add(before["audio"]).Sub(reported).Abs(); off > 5*time.Second {
		t.Errorf("%v off this machine's clock", off)
	}
}

// sentTicks is how many ticks after its start a test's sender wrote the packet.
func sentTicks(t *testing.T, p *rtp.Packet) uint32 {
	t.Helper()
	i := bytes.IndexByte(p.Payload, '#')
	ticks, err := strconv.ParseUint(string(p.Payload[i+1:i+11]), 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(ticks)
}

// A viewer's requests for lost packets are answered for video, ignored for audio, and harm nobody.
func TestRetransmission(t *testing.T) {
	g := start(t, nil)
	g.publishing(t, "s1", "face", 100)
	viewer := g.viewing(t, "s1")
	eventually(t, "media flows", func() bool { return len(viewer.received("audio")) > 5 && len(viewer.received("video")) > 5 })
	for _, kind := range []string{"audio", "video"} {
		packet := viewer.received(kind)[2]
		nack := &rtcp.TransportLayerNack{
			MediaSSRC: packet.SSRC, Nacks: rtcp.NackPairsFromSequenceNumbers([]uint16{packet.SequenceNumber, packet.SequenceNumber + 30000}),
		}
		if err := viewer.WriteRTCP([]rtcp.Packet{nack}); err != nil {
			t.Fatal(err)
		}
	}
	lost := viewer.received("video")[2].SequenceNumber
	eventually(t, "the packet is sent again", func() bool {
		times := 0
		for _, p := range viewer.received("video") {
			if p.SequenceNumber == lost {
				times++
			}
		}
		return times == 2
	})
	heard := len(viewer.received("audio"))
	eventually(t, "audio goes on", func() bool { return len(viewer.received("audio")) > heard+5 })
}
