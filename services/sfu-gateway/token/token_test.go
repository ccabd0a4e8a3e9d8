package token

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const secret = "a secret of more than thirty-two characters"

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func sign(t *testing.T, method jwt.SigningMethod, key any, claims jwt.MapClaims) string {
	t.Helper()
	text, err := jwt.NewWithClaims(method, claims).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// A token that the orchestrator signed is understood until it expires.
func TestVerify(t *testing.T) {
	now := noon
	v := NewVerifier(secret, func() time.Time { return now })
	text := sign(t, jwt.SigningMethodHS256, []byte(secret), jwt.MapClaims{"sid": "s1", "role": "viewer", "exp": noon.Add(time.Hour).Unix()})
	if grant, err := v.Verify(text); err != nil || grant != (Grant{"s1", Viewer}) {
		t.Errorf("%v %v", grant, err)
	}
	now = noon.Add(2 * time.Hour)
	if _, err := v.Verify(text); !errors.Is(err, ErrExpired) {
		t.Errorf("%v", err)
	}
}

// Nothing but HS256 with the right secret, an expiry, a session and a known role is accepted.
func TestForgeries(t *testing.T) {
	v := NewVerifier(secret, func() time.Time { return noon })
	later := noon.Add(time.Hour).Unix()
	good := jwt.MapClaims{"sid": "s1", "role": "viewer", "exp": later}
	for name, text := range map[string]string{
		"nothing":         "",
		"garbage":         "a.b.c",
		"another secret":  sign(t, jwt.SigningMethodHS256, []byte(strings.Repeat("x", 40)), good),
		"another method":  sign(t, jwt.SigningMethodHS512, []byte(secret), good),
		"no signature":    sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, good),
		"no expiry":       sign(t, jwt.SigningMethodHS256, []byte(secret), jwt.MapClaims{"sid": "s1", "role": "viewer"}),
		"no session":      sign(t, jwt.SigningMethodHS256, []byte(secret), jwt.MapClaims{"role": "viewer", "exp": later}),
		"no role":         sign(t, jwt.SigningMethodHS256, []byte(secret), jwt.MapClaims{"sid": "s1", "exp": later}),
		"unknown role":    sign(t, jwt.SigningMethodHS256, []byte(secret), jwt.MapClaims{"sid": "s1", "role": "king", "exp": later}),
		"every session":   sign(t, jwt.SigningMethodHS256, []byte(secret), jwt.MapClaims{"sid": "*", "role": "talker", "exp": later}),
		"session of path": sign(t, jwt.SigningMethodHS256, []byte(secret), jwt.MapClaims{"sid": "../s1", "role": "viewer", "exp": later}),
	} {
		if grant, err := v.Verify(text); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v %v", name, grant, err)
		}
	}
}

// A grant holds for its own session and role; the orchestrator's for all.
func TestAllows(t *testing.T) {
	for _, c := range []struct {
		grant   Grant
		session string
		roles   []Role
		want    bool
	}{
		{Grant{"s1", Viewer}, "s1", []Role{Viewer, ASR}, true},
		{Grant{"s1", Viewer}, "s2", []Role{Viewer}, false},
		{Grant{"s1", Viewer}, "s1", []Role{Renderer}, false},
		{Grant{"s1", Viewer}, "s1", nil, false},
		{Grant{"*", Orchestrator}, "s1", []Role{Renderer}, true},
		{Grant{"*", Orchestrator}, AnySession, nil, true},
		{Grant{"s1", Orchestrator}, "s1", nil, true},
		{Grant{"s1", Orchestrator}, "s2", nil, false},
		{Grant{"s1", Orchestrator}, AnySession, nil, false},
	} {
		if got := c.grant.Allows(c.session, c.roles...); got != c.want {
			t.Errorf("%v in %s as %v: %v", c.grant, c.session, c.roles, got)
		}
	}
}
