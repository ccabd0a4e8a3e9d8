package httpapi

import (
	"fmt"
	"net/http"
	"strings"

	"flashback/sfu-gateway/token"
)

// authorize returns the role of the caller's token, if it allows one of these roles in the session; otherwise a problem or an
// error of package token. Calls are counted by address before anything else is done. The orchestrator's are not counted,
// because it calls for many users.
func (a *API) authorize(r *http.Request, session string, roles ...token.Role) (token.Role, error) {
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	grant, err := a.tokens.Verify(strings.TrimSpace(text))
	if (err != nil || grant.Role != token.Orchestrator) && !a.limiter.allow(r.RemoteAddr) {
		return "", problem{
			status: http.StatusTooManyRequests, headers: map[string]string{"Retry-After": "1"},
			detail: "Too many calls from this address; wait a second.",
		}
	}
	if !strings.EqualFold(scheme, "Bearer") {
		return "", problem{
			status: http.StatusUnauthorized, headers: map[string]string{"WWW-Authenticate": "Bearer"},
			detail: "A token is missing; send it as Authorization: Bearer.",
		}
	}
	if err != nil {
		return "", err
	}
	if session != token.AnySession && !token.ValidSession(session) {
		return "", problem{
			status: http.StatusUnprocessableEntity,
			detail: "session: an id has 1 to 64 letters, digits, hyphens or underscores.",
		}
	}
	if !grant.Allows(session, roles...) {
		return "", problem{
			status: http.StatusForbidden,
			detail: fmt.Sprintf("This token is for the role %s in session %s; this call needs another one.", grant.Role, grant.Session),
		}
	}
	return grant.Role, nil
}
