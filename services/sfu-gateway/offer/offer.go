// Package offer narrows an SDP offer to what a role may send and receive, before pion answers it.
//
// A role may send some kinds of media and receive some. Everything else in an offer is turned off by narrowing the
// direction of its media section, which is a valid answer to any offer (RFC 8829).
package offer

import (
	"fmt"
	"strings"

	"github.com/pion/sdp/v3"
)

// Kind is the kind of a media section.
type Kind string

// The kinds that the gateway carries.
const (
	Audio Kind = "audio"
	Video Kind = "video"
)

// Kinds lists them, in the order in which they are handled and named.
var Kinds = []Kind{Audio, Video}

var codecs = map[Kind]string{Audio: "opus/48000", Video: "vp8/90000"}

// Policy says which kinds a role may send to the gateway and receive from it.
type Policy struct {
	Up, Down map[Kind]bool
	// Reference allows a second audio section that only receives. asr gets the avatar's voice there, as the reference signal
	// of its echo detection.
	Reference bool
}

// Direction of a media section, as the gateway answers it.
type Direction string

// The directions of a section in which the gateway sends.
const (
	SendOnly Direction = "sendonly"
	SendRecv Direction = "sendrecv"
)

// Plan is an offer that was accepted.
type Plan struct {
	SDP  string             // the offer, narrowed to the policy
	Down map[Kind]Direction // what the gateway sends; SendRecv if it receives in the same section
	Up   map[Kind]bool      // what the gateway receives
	// Reference tells that the offer has a second audio section, for the reference signal.
	Reference bool
}

// MalformedError means that the text is not an SDP offer.
type MalformedError struct{ Reason string }

func (e MalformedError) Error() string { return "sdp: " + e.Reason }

// UnacceptableError means that the offer is valid SDP, but has nothing that this role can connect.
type UnacceptableError struct{ Reason string }

func (e UnacceptableError) Error() string { return "sdp: " + e.Reason }

// Accept narrows an offer to a policy. The error is a MalformedError or an UnacceptableError.
func Accept(text string, policy Policy) (Plan, error) {
	if !strings.HasPrefix(strings.TrimSpace(text), "v=0") {
		return Plan{}, MalformedError{"this is not an SDP offer; it must start with v=0"}
	}
	var description sdp.SessionDescription
	if err := description.UnmarshalString(text); err != nil {
		return Plan{}, MalformedError{fmt.Sprintf("this is not an SDP offer: %v", err)}
	}
	sections, err := readSections(&description)
	if err != nil {
		return Plan{}, err
	}
	plan := Plan{Down: map[Kind]Direction{}, Up: map[Kind]bool{}}
	for _, kind := range Kinds {
		// A section that only receives is preferred for what the gateway sends: the microphone then keeps its own section.
		down := findSection(sections, kind, func(s *section) bool { return s.receives && !s.sends })
		if down == nil {
			down = findSection(sections, kind, func(s *section) bool { return s.receives })
		}
		var second *section
		if policy.Reference && kind == Audio {
			second = findSection(sections, kind, func(s *section) bool { return s.receives && !s.sends && s != down })
			plan.Reference = second != nil
		}
		for _, s := range sections {
			if s.kind == kind {
				s.sends = s.sends && policy.Up[kind]
				s.receives = s == down && policy.Down[kind] || s == second
				plan.Up[kind] = plan.Up[kind] || s.sends
			}
		}
		if down != nil && down.receives {
			plan.Down[kind] = SendOnly
			if down.sends {
				plan.Down[kind] = SendRecv
			}
		}
	}
	if err := plan.check(sections, policy); err != nil {
		return Plan{}, err
	}
	for _, s := range sections {
		s.writeDirection()
	}
	narrowed, err := description.Marshal()
	if err != nil {
		return Plan{}, MalformedError{err.Error()}
	}
	plan.SDP = string(narrowed)
	return plan, nil
}

func (p Plan) check(sections []*section, policy Policy) error {
	useful := 0
	for _, s := range sections {
		if s.sends || s.receives {
			useful++
			if !s.offersCodec(codecs[s.kind]) {
				name, _, _ := strings.Cut(strings.ToUpper(codecs[s.kind]), "/")
				return UnacceptableError{fmt.Sprintf("the %s section does not offer %s, the only %s codec here", s.kind, name, s.kind)}
			}
		}
	}
	if useful == 0 {
		return UnacceptableError{"the offer has nothing to connect; this role needs a section that " + policy.String()}
	}
	return nil
}

// String says in words what an offer must have at least one of.
func (p Policy) String() string {
	var wants []string
	for _, kind := range Kinds {
		if p.Down[kind] {
			wants = append(wants, fmt.Sprintf("receives %s", kind))
		}
		if p.Up[kind] {
			wants = append(wants, fmt.Sprintf("sends %s", kind))
		}
	}
	return strings.Join(wants, " or ")
}
