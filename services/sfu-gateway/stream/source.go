package stream

import (
	"time"

	"github.com/pion/rtp"
)

// Source is one sender's track as it feeds a stream.
type Source struct {
	stream          *Stream
	requestKeyframe func()
	order           *order // nil: packets are taken as they come

	// All of it is guarded by the stream's lock.
	released  bool
	seqOffset uint16
	tsOffset  uint32
}

// NewSource makes a sender. It becomes the present one with its first packet, unless another is heard.
// requestKeyframe may be nil and must not block.
func (s *Stream) NewSource(requestKeyframe func()) *Source {
	source := &Source{stream: s, requestKeyframe: requestKeyframe}
	if requestKeyframe != nil {
		source.order = new(order)
	}
	return source
}

// Write sends a packet down, rewritten, in its turn; false: another source has the floor, or the packet cannot be
// forwarded. Call it from one goroutine.
func (s *Source) Write(p *rtp.Packet) bool {
	if s.order == nil {
		return s.stream.write(s, p)
	}
	good := true
	for _, due := range s.order.push(p, s.stream.options.Now()) {
		good = s.stream.write(s, due) && good
	}
	return good
}

// Report takes a sender report: at the time at, of this machine's clock, the track's time was ts.
func (s *Source) Report(ts uint32, at time.Time) {
	s.stream.mu.Lock()
	defer s.stream.mu.Unlock()
	if s.stream.source == s {
		s.stream.reports.ts, s.stream.reports.at = ts+s.tsOffset, at
	}
}

// Release gives the floor back for good.
func (s *Source) Release() {
	s.stream.mu.Lock()
	defer s.stream.mu.Unlock()
	s.released = true
	if s.stream.source == s {
		s.stream.source = nil
	}
}
