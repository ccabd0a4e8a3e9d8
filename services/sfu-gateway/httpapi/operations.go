package httpapi

import (
	"net/http"

	"flashback/sfu-gateway/session"
	"flashback/sfu-gateway/token"
)

func (a *API) sessions(w http.ResponseWriter, r *http.Request) error {
	if _, err := a.authorize(r, token.AnySession); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, "application/json", map[string]any{"sessions": a.hub.Sessions()})
	return nil
}

func (a *API) healthz(w http.ResponseWriter, _ *http.Request) error {
	writeJSON(w, http.StatusOK, "application/json", map[string]string{"service": "sfu-gateway", "status": "alive"})
	return nil
}

func (a *API) readyz(w http.ResponseWriter, _ *http.Request) error {
	if failure := a.options.Failed(); failure != "" {
		return problem{status: http.StatusServiceUnavailable, detail: failure}
	}
	if a.hub.Draining() {
		return session.ErrDraining
	}
	writeJSON(w, http.StatusOK, "application/json", map[string]string{"service": "sfu-gateway", "status": "ready"})
	return nil
}
