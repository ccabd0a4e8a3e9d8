// Package session keeps the sessions of the gateway, the streams of each, and the peers that are connected to them.
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

	AnswerTimeout    time.Duration // from an offer to its answer
	ConnectTimeout   time.Duration // from an offer to a connection that stands
	EmptyTimeout     time.Duration // for which a session without peers is kept
	KeyframeInterval time.Duration // the least time between two keyframe requests to one renderer
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

// NewHub returns a hub without sessions.
func NewHub(net *rtcnet.Net, streams *stream.Factory, o Options, log *slog.Logger, m *metrics.Metrics) *Hub {
	return &Hub{net: net, streams: streams, options: o, log: log, metrics: m, sessions: map[string]*Session{}}
}

// Session is the peers that meet under one id, and the streams between them.
type Session struct {
	ID string

	avatarAudio, avatarVideo, microphone *stream.Stream

	// Guarded by the hub's lock.
	peers     map[string]*Peer
	publisher *Peer
	closed    bool
	expiry    *time.Timer // runs while the session has no peers; else nil
}

// Peer returns a peer of a session, or nil if there is no such peer.
func (h *Hub) Peer(session, id string) *Peer {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.sessions[session]; s != nil {
		return s.peers[id]
	}
	return nil
}

// Close ends a session and all its peers. It returns false if there is no such session.
func (h *Hub) Close(id string) bool {
	h.mu.Lock()
	s := h.sessions[id]
	h.mu.Unlock()
	if s == nil {
		return false
	}
	h.close(s, "closed", unconditionally)
	return true
}

func unconditionally() bool { return true }

// close ends a session if the condition, which is evaluated under the lock, holds.
func (h *Hub) close(s *Session, why string, condition func() bool) {
	h.mu.Lock()
	if s.closed || !condition() {
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

// Draining tells whether joins are refused because the gateway is shutting down.
func (h *Hub) Draining() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.draining
}

// CloseAll ends every session and returns when all their peers are closed.
func (h *Hub) CloseAll() {
	h.mu.Lock()
	all := make([]*Session, 0, len(h.sessions))
	for _, s := range h.sessions {
		all = append(all, s)
	}
	h.mu.Unlock()
	var closing sync.WaitGroup
	for _, s := range all {
		closing.Go(func() { h.close(s, "the gateway is shutting down", unconditionally) })
	}
	closing.Wait()
}
