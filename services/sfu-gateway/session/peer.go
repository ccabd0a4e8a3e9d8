package session

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/pion/webrtc/v3"

	"flashback/sfu-gateway/stream"
	"flashback/sfu-gateway/token"
)

// Peer is one WebRTC connection: of a renderer, a viewer, a talker or asr.
type Peer struct {
	ID   string
	Role token.Role

	hub     *Hub
	session *Session
	log     *slog.Logger
	started time.Time
	alive   context.Context // ends with Close
	end     context.CancelFunc
	clock   stream.Clock // of the peer's machine

	mu         sync.Mutex
	pc         *webrtc.PeerConnection
	deadline   *time.Timer
	downTracks []*stream.DownTrack
	sources    []*stream.Source
	connected  bool
	closed     bool
	feedback   sync.WaitGroup
	gone       chan struct{} // closed at the end of Close
}

func newPeer(h *Hub, s *Session, id string, role token.Role) *Peer {
	alive, end := context.WithCancel(context.Background())
	return &Peer{
		ID: id, Role: role, hub: h, session: s, started: time.Now(), alive: alive, end: end,
		gone: make(chan struct{}),
		log:  h.log.With("session", s.ID, "peer", id, "role", string(role)),
	}
}

// expire closes a peer that has not connected within ConnectTimeout.
func (p *Peer) expire() {
	p.mu.Lock()
	waiting := !p.connected && !p.closed
	p.mu.Unlock()
	if waiting {
		p.Close("it did not connect in time")
	}
}

func (p *Peer) onState(state webrtc.PeerConnectionState) {
	p.log.Debug("connection", "state", state.String())
	switch state {
	case webrtc.PeerConnectionStateConnected:
		p.open()
	case webrtc.PeerConnectionStateFailed:
		p.Close("connection lost")
	case webrtc.PeerConnectionStateClosed:
		p.Close("connection closed")
	}
}

// open lets media flow when the connection stands. What is sent earlier is lost, and a keyframe with it.
func (p *Peer) open() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.connected {
		return
	}
	p.connected = true
	p.deadline.Stop()
	for _, track := range p.downTracks {
		p.feedback.Go(track.ReadFeedback)
		track.Start()
	}
	if len(p.downTracks) > 0 {
		go p.sendReports(p.pc, p.downTracks)
	}
	took := time.Since(p.started)
	p.hub.metrics.ConnectSeconds.WithLabelValues(string(p.Role)).Observe(took.Seconds())
	p.log.Info("peer connected", "ms", took.Milliseconds())
}

// Close ends the connection and removes the peer from its session; why is for the log. When it returns, nothing of the peer
// touches the session's streams any more.
func (p *Peer) Close(why string) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		<-p.gone
		return
	}
	p.closed = true
	if p.deadline != nil {
		p.deadline.Stop()
	}
	pc, downTracks, sources := p.pc, p.downTracks, p.sources
	p.mu.Unlock()
	p.end()
	for _, track := range downTracks {
		track.Close()
	}
	for _, source := range sources {
		source.Release()
	}
	if pc != nil {
		if err := pc.Close(); err != nil {
			p.log.Debug("the connection did not close cleanly", "reason", err)
		}
	}
	p.feedback.Wait()
	p.hub.leave(p)
	close(p.gone)
	p.log.Info("peer left", "reason", why)
}
