package httpapi

import (
	"encoding/json"
	"errors"
	"net/http"

	"flashback/sfu-gateway/offer"
	"flashback/sfu-gateway/session"
	"flashback/sfu-gateway/token"
)

// problem is an RFC 9457 problem document. Its detail is a sentence that says what to do.
type problem struct {
	status  int
	detail  string
	headers map[string]string
}

func (p problem) Error() string { return p.detail }

func (p problem) write(w http.ResponseWriter) {
	for key, value := range p.headers {
		w.Header().Set(key, value)
	}
	writeJSON(w, p.status, "application/problem+json", map[string]any{
		"type": "about:blank", "title": http.StatusText(p.status), "status": p.status, "detail": p.detail,
	})
}

// problemOf turns an error into a problem. An error that is not known here becomes 500, and its text stays in the log.
func problemOf(err error) problem {
	var known problem
	var malformed offer.MalformedError
	var unacceptable offer.UnacceptableError
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &malformed):
		return problem{status: http.StatusBadRequest, detail: err.Error()}
	case errors.As(err, &unacceptable):
		return problem{status: http.StatusUnprocessableEntity, detail: err.Error()}
	case errors.Is(err, token.ErrExpired), errors.Is(err, token.ErrInvalid):
		return problem{status: http.StatusUnauthorized, detail: err.Error(), headers: map[string]string{"WWW-Authenticate": "Bearer"}}
	case errors.Is(err, session.ErrDraining), errors.Is(err, session.ErrTooMany), errors.Is(err, session.ErrTooManyPeers):
		return problem{status: http.StatusServiceUnavailable, detail: err.Error(), headers: map[string]string{"Retry-After": "2"}}
	case errors.Is(err, session.ErrClosed):
		return problem{status: http.StatusConflict, detail: err.Error()}
	default:
		return problem{status: http.StatusInternalServerError, detail: "Something unexpected went wrong; the gateway's log has the details."}
	}
}

func writeJSON(w http.ResponseWriter, status int, contentType string, body any) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the caller may be gone
}
