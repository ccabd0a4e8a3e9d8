// Package httpapi is the gateway's signalling over HTTP: WHIP (RFC 9725), WHEP, the talker's session in one round trip, and
// health, readiness and metrics.
package httpapi

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"flashback/sfu-gateway/session"
	"flashback/sfu-gateway/token"
)

const sdpType = "application/sdp"

// Options are the limits of the API, and what it is told from outside.
type Options struct {
	CORSOrigins   []string // "*" is every page
	BodyBytes     int64    // a larger body is refused with 413
	RatePerSecond float64  // calls of one address
	RateBurst     int      // calls of one address at once
	Now           func() time.Time
	Failed        func() string // a sentence about what has failed for good; empty while all is well
}

// API answers HTTP calls.
type API struct {
	hub     *session.Hub
	tokens  *token.Verifier
	log     *slog.Logger
	limiter *addressLimiter
	options Options
}

// handler answers a call. An error that it returns becomes a problem document; then it has written nothing.
type handler func(w http.ResponseWriter, r *http.Request) error

// New returns the handler of all calls. Every refusal is an RFC 9457 problem document.
func New(hub *session.Hub, tokens *token.Verifier, metrics http.Handler, o Options, log *slog.Logger) http.Handler {
	a := &API{hub: hub, tokens: tokens, log: log, options: o, limiter: newAddressLimiter(o.RatePerSecond, o.RateBurst, o.Now)}
	mux := http.NewServeMux()
	a.serve(mux, "/whip/{session}", map[string]handler{http.MethodPost: a.whip})
	a.serve(mux, "/whip/{session}/{peer}", map[string]handler{http.MethodDelete: a.hangUp(http.StatusOK, token.Renderer)})
	a.serve(mux, "/whep/{session}", map[string]handler{http.MethodPost: a.whep})
	a.serve(mux, "/whep/{session}/{peer}", map[string]handler{http.MethodDelete: a.hangUp(http.StatusOK, token.Viewer, token.ASR)})
	a.serve(mux, "/session/{session}", map[string]handler{http.MethodPost: a.talk, http.MethodDelete: a.closeSession})
	a.serve(mux, "/session/{session}/{peer}", map[string]handler{http.MethodDelete: a.hangUp(http.StatusNoContent, token.Talker)})
	a.serve(mux, "/sessions", map[string]handler{http.MethodGet: a.sessions})
	a.serve(mux, "/healthz", map[string]handler{http.MethodGet: a.healthz})
	a.serve(mux, "/readyz", map[string]handler{http.MethodGet: a.readyz})
	a.serve(mux, "/", nil)
	mux.Handle("GET /metrics", metrics)
	return cors(o.CORSOrigins, mux)
}

// serve routes a path: methods that are not listed get 405, a path without methods 404.
func (a *API) serve(mux *http.ServeMux, path string, methods map[string]handler) {
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

func (a *API) run(w http.ResponseWriter, r *http.Request, do handler) {
	defer func() {
		if cause := recover(); cause != nil {
			a.log.Error("a call panicked", "path", r.URL.Path, "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
			problemOf(fmt.Errorf("panic: %v", cause)).write(w)
		}
	}()
	if err := do(w, r); err != nil {
		p := problemOf(err)
		if p.status == http.StatusInternalServerError {
			a.log.Error("a call failed", "path", r.URL.Path, "reason", err)
		} else {
			a.log.Debug("a call was refused", "path", r.URL.Path, "status", p.status, "reason", err)
		}
		p.write(w)
	}
}
