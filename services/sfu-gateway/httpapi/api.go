// Package httpapi is the gateway's signalling over HTTP: WHIP, WHEP, the combined session, and what operators look at.
package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"flashback/sfu-gateway/session"
	"flashback/sfu-gateway/token"
)

const sdpType = "application/sdp"

// Options are the limits of the API.
type Options struct {
	CORSOrigins              []string
	BodyBytes                int64
	RatePerSecond, RateBurst float64
	Now                      func() time.Time
}

// API answers HTTP calls.
type API struct {
	hub     *session.Hub
	tokens  *token.Verifier
	log     *slog.Logger
	limiter *limiter
	options Options
}

type action func(w http.ResponseWriter, r *http.Request) error

// New returns the handler of all calls.
func New(hub *session.Hub, tokens *token.Verifier, metrics http.Handler, o Options, log *slog.Logger) http.Handler {
	a := &API{hub: hub, tokens: tokens, log: log, options: o, limiter: newLimiter(o.RatePerSecond, o.RateBurst, o.Now)}
	mux := http.NewServeMux()
	a.serve(mux, "/whip/{session}", map[string]action{http.MethodPost: a.whip})
	a.serve(mux, "/whip/{session}/{peer}", map[string]action{http.MethodDelete: a.hangUp(http.StatusOK, token.Renderer)})
	a.serve(mux, "/whep/{session}", map[string]action{http.MethodPost: a.whep})
	a.serve(mux, "/whep/{session}/{peer}", map[string]action{http.MethodDelete: a.hangUp(http.StatusOK, token.Viewer, token.ASR)})
	a.serve(mux, "/session/{session}", map[string]action{http.MethodPost: a.talk, http.MethodDelete: a.closeSession})
	a.serve(mux, "/session/{session}/{peer}", map[string]action{http.MethodDelete: a.hangUp(http.StatusNoContent, token.Talker)})
	a.serve(mux, "/sessions", map[string]action{http.MethodGet: a.sessions})
	a.serve(mux, "/healthz", map[string]action{http.MethodGet: a.healthz})
	a.serve(mux, "/readyz", map[string]action{http.MethodGet: a.readyz})
	a.serve(mux, "/", nil)
	mux.Handle("GET /metrics", metrics)
	return cors(o.CORSOrigins, mux)
}

// serve answers a path; methods that are not listed get 405, a path without methods 404.
func (a *API) serve(mux *http.ServeMux, path string, methods map[string]action) {
	allowed := []string{http.MethodOptions}
	for method := range methods {
		allowed = append(allowed, method)
	}
	slices.Sort(allowed)
	mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, a.options.BodyBytes)
		do, known := methods[r.Method]
		switch {
		case known:
		case methods == nil:
			do = func(http.ResponseWriter, *http.Request) error {
				return problem{status: http.StatusNotFound, detail: "There is nothing at " + r.URL.Path + "."}
			}
		case r.Method == http.MethodOptions:
			do = func(w http.ResponseWriter, _ *http.Request) error {
				w.Header().Set("Accept-Post", sdpType)
				w.Header().Set("Allow", strings.Join(allowed, ", "))
				w.WriteHeader(http.StatusNoContent)
				return nil
			}
		default:
			do = func(http.ResponseWriter, *http.Request) error {
				list := strings.Join(allowed, ", ")
				return problem{
					status: http.StatusMethodNotAllowed, headers: map[string]string{"Allow": list},
					detail: fmt.Sprintf("%s is not possible here; use %s.", r.Method, list),
				}
			}
		}
		a.run(w, r, do)
	})
}

func (a *API) run(w http.ResponseWriter, r *http.Request, do action) {
	defer func() {
		if cause := recover(); cause != nil {
			a.log.Error("a call panicked", "path", r.URL.Path, "cause", fmt.Sprint(cause))
			explain(fmt.Errorf("panic: %v", cause)).write(w)
		}
	}()
	if err := do(w, r); err != nil {
		p := explain(err)
		if p.status == http.StatusInternalServerError {
			a.log.Error("a call failed", "path", r.URL.Path, "reason", err)
		} else {
			a.log.Debug("a call was refused", "path", r.URL.Path, "status", p.status, "reason", err)
		}
		p.write(w)
	}
}

// authorize returns the caller's role, if the token allows one of these in the session. Calls are counted against the
// address before anything else is done for it; the orchestrator speaks for many and is not counted.
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

// whip takes the avatar from a renderer (RFC 9725).
func (a *API) whip(w http.ResponseWriter, r *http.Request) error {
	if _, err := a.authorize(r, r.PathValue("session"), token.Renderer); err != nil {
		return err
	}
	return a.joinBySDP(w, r, "/whip/", token.Renderer)
}

// whep gives the avatar to a viewer, the microphone to asr.
func (a *API) whep(w http.ResponseWriter, r *http.Request) error {
	role, err := a.authorize(r, r.PathValue("session"), token.Viewer, token.ASR)
	if err != nil {
		return err
	}
	if role == token.Orchestrator {
		role = token.Viewer
	}
	return a.joinBySDP(w, r, "/whep/", role)
}

func (a *API) joinBySDP(w http.ResponseWriter, r *http.Request, base string, role token.Role) error {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != sdpType {
		return problem{
			status: http.StatusUnsupportedMediaType, headers: map[string]string{"Accept-Post": sdpType},
			detail: "Content-Type must be " + sdpType + ".",
		}
	}
	body, err := readBody(r)
	if err != nil {
		return err
	}
	id := r.PathValue("session")
	p, answer, err := a.hub.Join(id, role, string(body))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", sdpType)
	w.Header().Set("Location", base+id+"/"+p.ID)
	w.Header().Set("ETag", `"`+p.ID+`"`)
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, answer) // the caller may be gone; then it never connects
	return nil
}

// talk is a browser's one round trip: microphone up, avatar down.
func (a *API) talk(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("session")
	if _, err := a.authorize(r, id, token.Talker); err != nil {
		return err
	}
	body, err := readBody(r)
	if err != nil {
		return err
	}
	var request struct {
		SDP *string `json:"sdp"`
	}
	if err := json.Unmarshal(body, &request); err != nil {
		return problem{status: http.StatusBadRequest, detail: fmt.Sprintf(`The body must be JSON {"sdp": "v=0…"}: %v.`, err)}
	}
	if request.SDP == nil {
		return problem{status: http.StatusUnprocessableEntity, detail: `sdp: the field is missing; the body must be JSON {"sdp": "v=0…"}.`}
	}
	p, answer, err := a.hub.Join(id, token.Talker, *request.SDP)
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/session/"+id+"/"+p.ID)
	writeJSON(w, http.StatusCreated, "application/json", map[string]string{"sdp": answer, "type": "answer"})
	return nil
}

// hangUp closes a peer by its Location.
func (a *API) hangUp(status int, roles ...token.Role) action {
	return func(w http.ResponseWriter, r *http.Request) error {
		id := r.PathValue("session")
		role, err := a.authorize(r, id, roles...)
		if err != nil {
			return err
		}
		p := a.hub.Peer(id, r.PathValue("peer"))
		if p == nil || !slices.Contains(roles, p.Role) || (role != token.Orchestrator && role != p.Role) {
			return problem{status: http.StatusNotFound, detail: "There is no such peer; it may have left already."}
		}
		p.Close("hung up")
		w.WriteHeader(status)
		return nil
	}
}

func (a *API) closeSession(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("session")
	if _, err := a.authorize(r, id); err != nil {
		return err
	}
	if !a.hub.Close(id) {
		return problem{status: http.StatusNotFound, detail: "There is no session " + id + "; it may have ended already."}
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

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
	if a.hub.Draining() {
		return session.ErrDraining
	}
	writeJSON(w, http.StatusOK, "application/json", map[string]string{"service": "sfu-gateway", "status": "ready"})
	return nil
}

func readBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, problem{
			status: http.StatusRequestEntityTooLarge,
			detail: fmt.Sprintf("The body is larger than %d bytes.", large.Limit),
		}
	case err != nil && errors.Is(r.Context().Err(), context.Canceled):
		return nil, problem{status: http.StatusBadRequest, detail: "The call ended before its body did."}
	case err != nil:
		return nil, problem{status: http.StatusBadRequest, detail: fmt.Sprintf("The body could not be read: %v.", err)}
	case len(body) == 0:
		return nil, problem{status: http.StatusBadRequest, detail: "sdp: the body is empty; it must carry an SDP offer."}
	}
	return body, nil
}
