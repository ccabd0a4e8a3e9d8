package stream

import (
	"time"

	"github.com/pion/rtp"
)

// Source is the track of one sender, a renderer or a microphone, that feeds a stream.
type Source struct {
	stream          *Stream
	requestKeyframe func()
	reorder         *reorderBuffer // nil for audio: its packets are taken as they come

	// Guarded by the stream's lock.
	released  bool
	seqOffset uint16
	tsOffset  uint32
}

// NewSource adds a sender to the stream. It has the floor from its first packet on, unless another source has it then.
// requestKeyframe asks the sender for a keyframe and must not block; it is nil for audio.
func (s *Stream) NewSource(requestKeyframe func()) *Source {
	source := &Source{stream: s, requestKeyframe: requestKeyframe}
	if requestKeyframe != nil {
		source.reorder = new(reorderBuffer)
	}
	return source
}

// Write forwards a packet, rewritten and in its turn. It returns false if another source has the floor or the packet cannot
// be forwarded. Call it from one goroutine only.
func (s *Source) Write(p *rtp.Packet) bool {
	if s.reorder == nil {
		return s.stream.write(s, p)
	}
	good := true
	for _, due := range s.reorder.push(p, s.stream.options.Now()) {
		good = s.stream.write(s, due) && good
	}
	return good
}

// Report takes an RTCP sender report: when this machine's clock showed at, the track's RTP time was ts.
func (s *Source) Report(ts uint32, at time.Time) {
	s.stream.mu.Lock()
	defer s.stream.mu.Unlock()
	if s.stream.source == s {
		s.stream.reports.ts, s.stream.reports.at = ts+s.tsOffset, at
	}
}

// Release gives the floor back. Nothing that is written afterwards is forwarded.
func (s *Source) Release() {
	s.stream.mu.Lock()
	defer s.stream.mu.Unlock()
	s.released = true
	if s.stream.source == s {
		s.stream.source = nil
	}
}
