// Package session keeps who is connected to what: sessions, their persistent streams, and the peers of each.
package session

import (
	"errors"
	"log/slog"
	"sync"
	"time"

	"flashback/sfu-gateway/metrics"
	"flashback/sfu-gateway/rtcnet"
	"flashback/sfu-gateway/stream"
)

// Why a join can be refused although its offer is fine. Each is a sentence for the caller.
var (
	ErrDraining     = errors.New("this gateway is shutting down; join another one, or try again shortly")
	ErrTooManyPeers = errors.New("this session is full; try again when somebody has left")
	ErrTooMany      = errors.New("this gateway has no room for another session; try again shortly")
	ErrClosed       = errors.New("the session was closed meanwhile")
)

// Options are the hub's limits.
type Options struct {
	PeersPerSession, Sessions int
	// Connect is how long a join may take, Empty how long a session without peers is kept.
	Connect, Empty time.Duration
	// KeyframeInterval is the least time between two requests to one renderer.
	KeyframeInterval time.Duration
	// Answer bounds the wait for what an answer needs.
	Answer time.Duration
}

// Hub holds all sessions. Its lock guards which sessions and peers there are; media never takes it.
type Hub struct {
	net     *rtcnet.Net
	streams *stream.Factory
	options Options
	log     *slog.Logger
	metrics *metrics.Metrics

	mu       sync.Mutex
	sessions map[string]*Session
	draining bool
}

// NewHub has no sessions.
func NewHub(net *rtcnet.Net, streams *stream.Factory, o Options, log *slog.Logger, m *metrics.Metrics) *Hub {
	return &Hub{net: net, streams: streams, options: o, log: log, metrics: m, sessions: map[string]*Session{}}
}

// Session is a set of peers and the streams between them.
type Session struct {
	ID string

	avatarAudio, avatarVideo, microphone *stream.Stream

	// Guarded by the hub's lock.
	peers     map[string]*Peer
	publisher *Peer
	closed    bool
	expiry    *time.Timer // runs while nobody is there
}

// Peer finds a peer by the two halves of its Location; nil: there is none.
func (h *Hub) Peer(session, id string) *Peer {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.sessions[session]; s != nil {
		return s.peers[id]
	}
	return nil
}

// Close ends a session and all its peers; false: there is no such session.
func (h *Hub) Close(id string) bool {
	h.mu.Lock()
	s := h.sessions[id]
	h.mu.Unlock()
	if s == nil {
		return false
	}
	h.close(s, "closed", always)
	return true
}

func always() bool { return true }

// close ends a session if the condition, which is asked under the lock, still holds.
func (h *Hub) close(s *Session, why string, still func() bool) {
	h.mu.Lock()
	if s.closed || !still() {
		h.mu.Unlock()
		return
	}
	s.closed = true
	if s.expiry != nil {
		s.expiry.Stop()
	}
	delete(h.sessions, s.ID)
	peers := make([]*Peer, 0, len(s.peers))
	for _, p := range s.peers {
		peers = append(peers, p)
	}
	h.mu.Unlock()
	var closing sync.WaitGroup
	for _, p := range peers {
		closing.Go(func() { p.Close("session closed") })
	}
	closing.Wait()
	for _, medium := range []*stream.Stream{s.avatarAudio, s.avatarVideo, s.microphone} {
		medium.Close()
	}
	h.log.Info("session closed", "session", s.ID, "reason", why)
}

// Drain refuses joins from now on.
func (h *Hub) Drain() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.draining = true
}

// Draining says whether joins are refused because the gateway is shutting down.
func (h *Hub) Draining() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.draining
}

// CloseAll ends every session.
func (h *Hub) CloseAll() {
	h.mu.Lock()
	all := make([]*Session, 0, len(h.sessions))
	for _, s := range h.sessions {
		all = append(all, s)
	}
	h.mu.Unlock()
	var closing sync.WaitGroup
	for _, s := range all {
		closing.Go(func() { h.close(s, "the gateway is shutting down", always) })
	}
	closing.Wait()
}
