// Package token verifies join tokens, JWTs that say who may do what in which session. The orchestrator signs them with
// TOKEN_SECRET.
package token

import (
	"errors"
	"regexp"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Role is what the bearer may do.
type Role string

// The roles, as the orchestrator writes them.
const (
	Renderer     Role = "renderer"     // publish the avatar
	Viewer       Role = "viewer"       // watch the avatar
	ASR          Role = "asr"          // hear the microphone
	Talker       Role = "talker"       // send the microphone and watch the avatar, over one connection
	Orchestrator Role = "orchestrator" // everything
)

// PeerRoles are the roles that a peer can have.
var PeerRoles = []Role{Renderer, Viewer, Talker, ASR}

// AnySession is the sid claim of the orchestrator's token.
const AnySession = "*"

var sessionID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// Grant is what a token allows.
type Grant struct {
	Session string
	Role    Role
}

// Allows tells whether the bearer may act as one of these roles in the session.
func (g Grant) Allows(session string, roles ...Role) bool {
	if g.Role == Orchestrator {
		return g.Session == AnySession || g.Session == session
	}
	return g.Session == session && slices.Contains(roles, g.Role)
}

// The errors of Verify; each is a sentence for the caller.
var (
	ErrExpired = errors.New("the token has expired; open a new session to get another")
	ErrInvalid = errors.New("the token is not valid; use the one that the orchestrator issued for this session")
)

// Verifier checks tokens that are signed with one secret, by HS256.
type Verifier struct {
	secret []byte
	parser *jwt.Parser
}

// NewVerifier returns a verifier for this secret; now is the clock by which tokens expire.
func NewVerifier(secret string, now func() time.Time) *Verifier {
	return &Verifier{
		secret: []byte(secret),
		parser: jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithExpirationRequired(), jwt.WithTimeFunc(now)),
	}
}

type claims struct {
	jwt.RegisteredClaims
	Session string `json:"sid"`
	Role    Role   `json:"role"`
}

// Verify returns the grant of a token. The error is ErrExpired or ErrInvalid.
func (v *Verifier) Verify(text string) (Grant, error) {
	var c claims
	_, err := v.parser.ParseWithClaims(text, &c, func(*jwt.Token) (any, error) { return v.secret, nil })
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return Grant{}, ErrExpired
	case err != nil:
		return Grant{}, ErrInvalid
	}
	everywhere := c.Role == Orchestrator && c.Session == AnySession
	if c.Role != Orchestrator && !slices.Contains(PeerRoles, c.Role) || !everywhere && !ValidSession(c.Session) {
		return Grant{}, ErrInvalid
	}
	return Grant{Session: c.Session, Role: c.Role}, nil
}

// ValidSession tells whether a text can be the id of a session: 1 to 64 letters, digits, hyphens or underscores.
func ValidSession(id string) bool { return sessionID.MatchString(id) }
