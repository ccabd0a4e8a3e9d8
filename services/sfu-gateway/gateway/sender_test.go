package gateway

import (
	"fmt"
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v3"
)

// sender writes a packet every 5 ms until the test ends: how many ticks after the start it is, then its marker.
type sender struct {
	track *webrtc.TrackLocalStaticRTP
	rtp   *webrtc.RTPSender
	stop  func()

	mu    sync.Mutex
	seq   uint16
	asked int // keyframes asked for
}

func (p *peer) send(codec, marker string, seq uint16, direction webrtc.RTPTransceiverDirection) *sender {
	p.t.Helper()
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: codec}, "t", "s")
	if err != nil {
		p.t.Fatal(err)
	}
	transceiver, err := p.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: direction})
	if err != nil {
		p.t.Fatal(err)
	}
	done := make(chan struct{})
	s := &sender{track: track, rtp: transceiver.Sender(), seq: seq, stop: sync.OnceFunc(func() { close(done) })}
	p.t.Cleanup(s.stop)
	go s.listen()
	go s.run(codec, marker, done)
	return s
}

func (s *sender) run(codec, marker string, done <-chan struct{}) {
	prefix := ""
	if codec == webrtc.MimeTypeVP8 {
		prefix = "\x10\x00" // the first packet of a keyframe
	}
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	start := uint32(s.seq) * 1000
	for ticks := uint32(0); ; ticks += 240 {
		select {
		case <-ticker.C:
		case <-done:
			return
		}
		s.mu.Lock()
		s.seq++
		packet := &rtp.Packet{
			Header:  rtp.Header{Version: 2, SequenceNumber: s.seq, Timestamp: start + ticks, Marker: true},
			Payload: fmt.Appendf(nil, "%s#%010d %s", prefix, ticks, marker),
		}
		s.mu.Unlock()
		_ = s.track.WriteRTP(packet)
	}
}

func (s *sender) listen() {
	for {
		packets, _, err := s.rtp.ReadRTCP()
		if err != nil {
			return
		}
		for _, packet := range packets {
			if _, ok := packet.(*rtcp.PictureLossIndication); ok {
				s.mu.Lock()
				s.asked++
				s.mu.Unlock()
			}
		}
	}
}

func (s *sender) keyframesAsked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}
