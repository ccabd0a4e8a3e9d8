package session

import (
	"sort"

	"flashback/sfu-gateway/token"
)

// Summary is a session as GET /sessions lists it.
type Summary struct {
	Session    string `json:"session"`
	Viewers    int    `json:"viewers"`    // viewers and talkers that have joined
	Publishing bool   `json:"publishing"` // the avatar's media came in within the last two seconds
}

// Sessions lists all sessions in the order of their ids.
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
