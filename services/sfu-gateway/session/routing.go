package session

import (
	"flashback/sfu-gateway/offer"
	"flashback/sfu-gateway/stream"
	"flashback/sfu-gateway/token"
)

// route is the streams that a peer feeds and those that it receives. Viewers and talkers never hear each other: only asr
// receives the microphone. Beside it asr receives the avatar's voice, as the reference signal of its echo detection.
type route struct {
	up, down  map[offer.Kind]*stream.Stream
	reference *stream.Stream
}

func (s *Session) route(role token.Role) route {
	avatar := map[offer.Kind]*stream.Stream{offer.Audio: s.avatarAudio, offer.Video: s.avatarVideo}
	microphone := map[offer.Kind]*stream.Stream{offer.Audio: s.microphone}
	switch role {
	case token.Renderer:
		return route{up: avatar}
	case token.Viewer:
		return route{down: avatar}
	case token.ASR:
		return route{down: microphone, reference: s.avatarAudio}
	case token.Talker:
		return route{up: microphone, down: avatar}
	default:
		return route{}
	}
}

// policy is what a role may send and receive in any session.
func policy(role token.Role) offer.Policy {
	r := new(Session).route(role)
	p := offer.Policy{Up: map[offer.Kind]bool{}, Down: map[offer.Kind]bool{}, Reference: role == token.ASR}
	for kind := range r.up {
		p.Up[kind] = true
	}
	for kind := range r.down {
		p.Down[kind] = true
	}
	return p
}
