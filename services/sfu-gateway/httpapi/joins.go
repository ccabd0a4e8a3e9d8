package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"

	"flashback/sfu-gateway/token"
)

// whip joins a renderer, which publishes the avatar (RFC 9725).
func (a *API) whip(w http.ResponseWriter, r *http.Request) error {
	if _, err := a.authorize(r, r.PathValue("session"), token.Renderer); err != nil {
		return err
	}
	return a.joinBySDP(w, r, "/whip/", token.Renderer)
}

// whep joins a viewer, which receives the avatar, or asr, which receives the microphone.
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

// talk joins a browser with one round trip and one connection: it sends the microphone and receives the avatar.
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

// hangUp closes the peer of a Location.
func (a *API) hangUp(status int, roles ...token.Role) handler {
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
