// Package stream carries one medium of a session, independent of who sends it.
//
// A Stream is a persistent ion-sfu Receiver that is not bound to any connection. Sources (a renderer, a microphone)
// come and go; one has the floor at a time. The sequence number, time and SSRC of each packet are rewritten to continue the
// packet before it, so that receivers see one unbroken stream and need no renegotiation when a renderer is replaced.
package stream

import (
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"github.com/pion/ion-sfu/pkg/buffer"
	"github.com/pion/ion-sfu/pkg/sfu"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v3"
)

const (
	// maxPacket is the largest packet, in bytes, that ion-sfu keeps and retransmits.
	maxPacket = 1460
	// packetSlot is the room, in bytes, that its history has for each packet.
	packetSlot = 1500
	// audioHistory is the number of packets that may arrive at once before they are forwarded.
	audioHistory = 100
	// reportMargin keeps the time of a sender report in the past, whatever the network's jitter: ion-sfu extrapolates
	// it with unsigned numbers.
	reportMargin = time.Second
	// silence is how long a stream without packets still counts as live.
	silence = 2 * time.Second
)

// Options are what all streams of a gateway share.
type Options struct {
	VideoHistory int           // packets of video kept for retransmission
	Handover     time.Duration // a source that has sent nothing for this long loses the floor to the next that sends
	Now          func() time.Time
}

// Factory makes streams that share a pool of packet memory.
type Factory struct {
	options      Options
	video, audio sync.Pool
}

// NewFactory returns a factory whose new streams use the memory of closed ones.
func NewFactory(o Options) *Factory {
	f := &Factory{options: o}
	f.video.New = func() any { b := make([]byte, o.VideoHistory*packetSlot); return &b }
	f.audio.New = func() any { b := make([]byte, audioHistory*packetSlot); return &b }
	return f
}

// Stream is one medium of one session.
type Stream struct {
	Codec webrtc.RTPCodecParameters

	group    string // the msid: receivers play the tracks of one group in sync
	options  Options
	receiver sfu.Receiver
	buffer   *buffer.Buffer
	ssrc     uint32

	mu      sync.Mutex
	source  *Source   // has the floor; nil if none has
	seq     uint16    // sequence number of the newest packet forwarded
	ts      uint32    // its RTP time
	at      time.Time // when it was forwarded; zero before the first
	packets uint64
	closed  bool
	reports struct {
		ts uint32
		at time.Time // zero from a change of source until its first report
	}
}

// New starts a stream. Receivers play the streams of one group in sync.
func (f *Factory) New(codec webrtc.RTPCodecParameters, group string) *Stream {
	s := &Stream{
		Codec:   codec,
		group:   group,
		options: f.options,
		ssrc:    rand.Uint32(),
		seq:     uint16(rand.Uint32()),
		ts:      rand.Uint32(),
	}
	s.buffer = buffer.NewBuffer(s.ssrc, &f.video, &f.audio, logr.Discard())
	s.buffer.OnFeedback(func([]rtcp.Packet) {}) // each source's own connection reports to it
	s.buffer.OnClose(func() {})
	// Without feedback in the codec the buffer neither asks for packets again nor estimates bandwidth.
	bare := codec
	bare.RTCPFeedback = nil
	s.buffer.Bind(webrtc.RTPParameters{Codecs: []webrtc.RTPCodecParameters{bare}}, buffer.Options{})
	track := &webrtc.TrackRemote{}
	s.receiver = sfu.NewWebRTCReceiver(nil, track, group)
	s.receiver.SetTrackMeta(s.kind(), group)
	s.receiver.AddUpTrack(track, s.buffer, false)
	return s
}

func (s *Stream) kind() string {
	kind, _, _ := strings.Cut(s.Codec.MimeType, "/")
	return kind
}

// Close ends the stream. The connections that receive it must be closed first.
func (s *Stream) Close() {
	s.mu.Lock()
	closed := s.closed
	s.closed, s.source = true, nil
	s.mu.Unlock()
	if !closed {
		_ = s.buffer.Close()
	}
}

// Live tells whether a source has the floor and has sent within the last two seconds.
func (s *Stream) Live() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.source != nil && s.options.Now().Sub(s.at) < silence
}

// RequestKeyframe asks the source that has the floor for a keyframe, a picture that decodes without those before it.
func (s *Stream) RequestKeyframe() {
	s.mu.Lock()
	source := s.source
	s.mu.Unlock()
	if source != nil && source.requestKeyframe != nil {
		source.requestKeyframe()
	}
}

// senderReport returns an RTP time of the stream and the time of this machine that belongs to it. It returns false between
// a change of source and the first sender report of the new one.
func (s *Stream) senderReport() (ts uint32, at time.Time, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reports.at.IsZero() {
		return 0, time.Time{}, false
	}
	margin := uint32(uint64(s.Codec.ClockRate) * uint64(reportMargin) / uint64(time.Second))
	return s.reports.ts - margin, s.reports.at.Add(-reportMargin), true
}

// write continues the stream with a packet of a source. It returns false if the source does not have the floor or the packet
// cannot be forwarded.
func (s *Stream) write(source *Source, p *rtp.Packet) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.options.Now()
	if s.closed || source.released {
		return false
	}
	if s.source != source {
		if s.source != nil && now.Sub(s.at) < s.options.Handover {
			return false
		}
		s.change(source, p, now)
	}
	seq, ts := p.SequenceNumber+source.seqOffset, p.Timestamp+source.tsOffset
	raw, err := (&rtp.Packet{
		Header: rtp.Header{
			Version: 2, Marker: p.Marker, PayloadType: uint8(s.Codec.PayloadType),
			SequenceNumber: seq, Timestamp: ts, SSRC: s.ssrc,
		},
		Payload: p.Payload,
	}).Marshal()
	if err != nil || len(raw) > maxPacket || len(p.Payload) == 0 {
		return false
	}
	if _, err := s.buffer.Write(raw); err != nil {
		return false
	}
	if int16(seq-s.seq) > 0 {
		s.seq, s.ts, s.at = seq, ts, now
	}
	s.packets++
	return true
}

// change gives a source the floor: its first packet gets the next sequence number, and the RTP time that has passed by the
// clock since the last packet.
func (s *Stream) change(source *Source, p *rtp.Packet, now time.Time) {
	gap := uint32(1)
	if !s.at.IsZero() {
		gap = max(gap, uint32(uint64(now.Sub(s.at))*uint64(s.Codec.ClockRate)/uint64(time.Second)))
	}
	source.seqOffset = s.seq + 1 - p.SequenceNumber
	source.tsOffset = s.ts + gap - p.Timestamp
	s.source = source
	s.reports.at = time.Time{}
}
