// Package session keeps who is connected to what: sessions, their persistent streams, and the peers of each.
package session

import (
	"crypto/rand"
	"errors"
	"log/slog"
	"sort"
	"sync"
	"time"

	"flashback/sfu-gateway/metrics"
	"flashback/sfu-gateway/offer"
	"flashback/sfu-gateway/rtcnet"
	"flashback/sfu-gateway/stream"
	"flashback/sfu-gateway/token"
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

// Join connects a peer to a session, which is made if there is none. It returns the answer, with all candidates in it.
func (h *Hub) Join(id string, role token.Role, sdp string) (*Peer, string, error) {
	p, answer, err := h.join(id, role, sdp)
	outcome := "answered"
	if err != nil {
		outcome = "refused"
	}
	h.metrics.Joins.WithLabelValues(string(role), outcome).Inc()
	return p, answer, err
}

func (h *Hub) join(id string, role token.Role, sdp string) (*Peer, string, error) {
	plan, err := offer.Accept(sdp, policy(role))
	if err != nil {
		return nil, "", err
	}
	p, err := h.enter(id, role)
	if err != nil {
		return nil, "", err
	}
	answer, err := p.negotiate(plan)
	if err == nil && role == token.Renderer {
		err = h.publish(p)
	}
	if err != nil {
		p.Close("its offer could not be answered")
		return nil, "", err
	}
	return p, answer, nil
}

// enter reserves the place of a peer, so that limits hold and nobody joins a session that is being closed.
func (h *Hub) enter(id string, role token.Role) (*Peer, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.draining {
		return nil, ErrDraining
	}
	s := h.sessions[id]
	if s == nil {
		if len(h.sessions) >= h.options.Sessions {
			return nil, ErrTooMany
		}
		s = &Session{
			ID:          id,
			avatarAudio: h.streams.New(rtcnet.Opus, "avatar"),
			avatarVideo: h.streams.New(rtcnet.VP8, "avatar"),
			microphone:  h.streams.New(rtcnet.Opus, "microphone"),
			peers:       map[string]*Peer{},
		}
		h.sessions[id] = s
		h.log.Info("session opened", "session", id)
	}
	if len(s.peers) >= h.options.PeersPerSession {
		return nil, ErrTooManyPeers
	}
	if s.expiry != nil {
		s.expiry.Stop()
		s.expiry = nil
	}
	p := newPeer(h, s, rand.Text(), role)
	s.peers[p.ID] = p
	return p, nil
}

// publish makes a renderer the session's only one: the one before it has died or is being replaced.
func (h *Hub) publish(p *Peer) error {
	h.mu.Lock()
	s := p.session
	if s.closed {
		h.mu.Unlock()
		return ErrClosed
	}
	before := s.publisher
	s.publisher = p
	h.mu.Unlock()
	h.metrics.Publishers.Inc()
	if before != nil {
		before.Close("replaced by another renderer")
	}
	return nil
}

// leave frees the place of a peer. The last one out starts the clock that removes the session.
func (h *Hub) leave(p *Peer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := p.session
	delete(s.peers, p.ID)
	if s.publisher == p {
		s.publisher = nil
	}
	if len(s.peers) > 0 || s.closed || s.expiry != nil {
		return
	}
	s.expiry = time.AfterFunc(h.options.Empty, func() {
		h.close(s, "nobody is left", func() bool { return len(s.peers) == 0 })
	})
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

// Summary is a session as GET /sessions lists it.
type Summary struct {
	Session    string `json:"session"`
	Viewers    int    `json:"viewers"`    // viewers and talkers that have joined
	Publishing bool   `json:"publishing"` // the avatar's media came in lately
}

// Sessions lists all sessions by their id.
func (h *Hub) Sessions() []Summary {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := make([]Summary, 0, len(h.sessions))
	for _, s := range h.sessions {
		summary := Summary{Session: s.ID, Publishing: s.avatarAudio.Live() || s.avatarVideo.Live()}
		for _, p := range s.peers {
			if p.Role == token.Viewer || p.Role == token.Talker {
				summary.Viewers++
			}
		}
		list = append(list, summary)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Session < list[j].Session })
	return list
}

// Count is the number of sessions.
func (h *Hub) Count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.sessions)
}

// Peers is the number of peers of one role in all sessions.
func (h *Hub) Peers(role token.Role) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	count := 0
	for _, s := range h.sessions {
		for _, p := range s.peers {
			if p.Role == role {
				count++
			}
		}
	}
	return count
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
