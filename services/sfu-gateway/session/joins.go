package session

import (
	"crypto/rand"
	"time"

	"flashback/sfu-gateway/offer"
	"flashback/sfu-gateway/rtcnet"
	"flashback/sfu-gateway/token"
)

// Join connects a peer to a session, which is opened if there is none. It returns the SDP answer with all ICE candidates in
// it. Errors: those of package offer if the offer is at fault, ErrDraining, ErrTooMany, ErrTooManyPeers, ErrClosed.
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

// enter makes a peer and counts it at once, so that limits hold and nobody joins a session that is being closed.
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

// publish makes a renderer the session's only one. An earlier renderer has died or is being replaced, and is closed.
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

// leave removes a peer. When the last peer of a session has left, the session is closed after EmptyTimeout.
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
	s.expiry = time.AfterFunc(h.options.EmptyTimeout, func() {
		h.close(s, "nobody is left", func() bool { return len(s.peers) == 0 })
	})
}
