package gateway

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v3"

	"flashback/sfu-gateway/config"
)

func rename(text string) string { return strings.NewReplacer(" ", "-", ",", "").Replace(text) }

// problemDetail is the sentence of a problem document; the test fails if it is none.
func problemDetail(t *testing.T, response *http.Response, body string) string {
	t.Helper()
	var document struct {
		Title, Detail string
		Status        int
	}
	if err := json.Unmarshal([]byte(body), &document); err != nil {
		t.Fatalf("not a problem document: %s", body)
	}
	if kind := response.Header.Get("Content-Type"); kind != "application/problem+json" {
		t.Errorf("Content-Type: %s", kind)
	}
	if document.Status != response.StatusCode || document.Title == "" {
		t.Errorf("problem document: %s", body)
	}
	return document.Detail
}

// Every bad call gets a problem document with the right status and a sentence, and the gateway still works afterwards.
func TestBadCalls(t *testing.T) {
	g := start(t, func(c *config.Config) { c.Joins.PeersPerSession, c.Joins.Sessions = 2, 2 })
	good := newPeer(t, g).watching().offer()
	audioOnly := newPeer(t, g)
	audioOnly.transceiver(webrtc.RTPCodecTypeAudio, recvOnly)
	noMedia := newPeer(t, g)
	if _, err := noMedia.CreateDataChannel("chat", nil); err != nil {
		t.Fatal(err)
	}
	wrapped := func(sdp string) string { text, _ := json.Marshal(map[string]string{"sdp": sdp}); return string(text) }
	viewer, talker, everything := fresh("s1", "viewer"), fresh("s1", "talker"), fresh("*", "orchestrator")
	forged := viewer[:len(viewer)-3] + "abc"
	for _, c := range []struct {
		name, method, path, token, contentType, body string
		status                                       int
		says                                         string
	}{
		{"no token", "POST", "/whep/s1", "", sdpType, good, 401, "token"},
		{"not bearer", "POST", "/whep/s1", "Basic abc", sdpType, good, 401, "Bearer"},
		{"forged token", "POST", "/whep/s1", forged, sdpType, good, 401, "not valid"},
		{"garbage token", "POST", "/whep/s1", "Bearer abc", sdpType, good, 401, "not valid"},
		{"expired token", "POST", "/whep/s1", bearer("s1", "viewer", time.Now().Add(-time.Second)), sdpType, good, 401, "expired"},
		{"unknown role", "POST", "/whep/s1", fresh("s1", "king"), sdpType, good, 401, "not valid"},
		{"everywhere without being the orchestrator", "POST", "/whep/s1", fresh("*", "viewer"), sdpType, good, 401, "not valid"},
		{"another session's token", "POST", "/whep/s1", fresh("s2", "viewer"), sdpType, good, 403, "session"},
		{"a viewer publishes", "POST", "/whip/s1", viewer, sdpType, good, 403, "role"},
		{"a viewer talks", "POST", "/session/s1", viewer, "application/json", wrapped(good), 403, "role"},
		{"a talker lists", "GET", "/sessions", talker, "", "", 403, "role"},
		{"a talker closes the session", "DELETE", "/session/s1", talker, "", "", 403, "role"},
		{"bad session id", "POST", "/whep/s$1", everything, sdpType, good, 422, "session"},
		{"long session id", "POST", "/whep/" + strings.Repeat("s", 65), everything, sdpType, good, 422, "session"},
		{"wrong content type", "POST", "/whep/s1", viewer, "text/plain", good, 415, "application/sdp"},
		{"empty", "POST", "/whep/s1", viewer, sdpType, "", 400, "sdp"},
		{"not SDP", "POST", "/whep/s1", viewer, sdpType, "hello", 400, "sdp"},
		{"half an SDP", "POST", "/whep/s1", viewer, sdpType, good[:len(good)/2], 400, "sdp"},
		{"SDP without anything", "POST", "/whep/s1", viewer, sdpType, "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n", 422, "neither"},
		{"no ICE in it", "POST", "/whep/s1", viewer, sdpType, without(good, "a=ice-ufrag"), 400, "sdp"},
		{"no fingerprint in it", "POST", "/whep/s1", viewer, sdpType, without(good, "a=fingerprint"), 400, "sdp"},
		{"no mid in it", "POST", "/whep/s1", viewer, sdpType, without(good, "a=mid"), 400, "mid"},
		{"text section", "POST", "/whep/s1", viewer, sdpType, strings.Replace(good, "m=video", "m=text", 1), 422, "text"},
		{"only a data channel", "POST", "/whep/s1", viewer, sdpType, noMedia.offer(), 422, "audio"},
		{"H264 alone", "POST", "/whep/s1", viewer, sdpType, without(good, "VP8/90000"), 422, "VP8"},
		{"a renderer that only receives", "POST", "/whip/s1", fresh("s1", "renderer"), sdpType, good, 422, "sends"},
		{"huge body", "POST", "/whep/s1", viewer, sdpType, good + strings.Repeat("a=x\r\n", 20000), 413, "65536"},
		{"huge JSON", "POST", "/session/s1", talker, "application/json", wrapped(strings.Repeat("a", 70000)), 413, "65536"},
		{"not JSON", "POST", "/session/s1", talker, "application/json", good, 400, "JSON"},
		{"JSON of another shape", "POST", "/session/s1", talker, "application/json", `["sdp"]`, 400, "JSON"},
		{"sdp is a number", "POST", "/session/s1", talker, "application/json", `{"sdp":1}`, 400, "sdp"},
		{"sdp is missing", "POST", "/session/s1", talker, "application/json", `{"offer":"v=0"}`, 422, "sdp"},
		{"sdp is empty", "POST", "/session/s1", talker, "application/json", `{"sdp":""}`, 400, "sdp"},
		{"unknown peer", "DELETE", "/whep/s1/nobody", viewer, "", "", 404, "peer"},
		{"unknown session", "DELETE", "/session/nowhere", everything, "", "", 404, "nowhere"},
		{"unknown path", "GET", "/", "", "", "", 404, "nothing"},
		{"unknown method", "PUT", "/whep/s1", viewer, sdpType, good, 405, "POST"},
		{"trickle", "PATCH", "/whip/s1/peer", fresh("s1", "renderer"), sdpType, good, 405, "DELETE"},
	} {
		t.Run(rename(c.name), func(t *testing.T) {
			response, body := g.call(c.method, c.path, c.token, c.contentType, c.body)
			if response.StatusCode != c.status {
				t.Fatalf("%d %s", response.StatusCode, body)
			}
			if detail := problemDetail(t, response, body); !strings.Contains(detail, c.says) {
				t.Errorf("%q does not mention %q", detail, c.says)
			}
		})
	}
	if left := g.listed(); len(left) > 0 && (len(left) > 1 || left[0].Viewers > 0) {
		t.Errorf("refused calls left %+v", left)
	}
	audioOnly.join("/whep", "s1", "viewer")
	g.viewing(t, "s1")
	for _, c := range []struct{ session, says string }{{"s1", "full"}, {"s3", "room"}} {
		if c.session == "s3" {
			g.viewing(t, "s2")
		}
		response, body := g.call("POST", "/whep/"+c.session, everything, sdpType, good)
		if response.StatusCode != 503 || !strings.Contains(problemDetail(t, response, body), c.says) {
			t.Errorf("%d %s", response.StatusCode, body)
		}
	}
}

func without(sdp, line string) string {
	var kept []string
	for _, l := range strings.SplitAfter(sdp, "\n") {
		if !strings.Contains(l, line) {
			kept = append(kept, l)
		}
	}
	return strings.Join(kept, "")
}

// A peer can only be hung up by its own role, or by the orchestrator.
func TestHangUpNeedsTheSameRole(t *testing.T) {
	g := start(t, nil)
	renderer, _ := g.publishing(t, "s1", "face", 100)
	asViewer := strings.Replace(renderer.location, "/whip/", "/whep/", 1)
	for _, c := range []struct {
		path, role string
		status     int
	}{
		{renderer.location, "viewer", 403},
		{asViewer, "viewer", 404},
		{asViewer, "asr", 404},
		{renderer.location, "renderer", 200},
	} {
		if response, body := g.call("DELETE", c.path, fresh("s1", c.role), "", ""); response.StatusCode != c.status {
			t.Errorf("%s as %s: %d %s", c.path, c.role, response.StatusCode, body)
		}
	}
}

// A WHIP answer has what RFC 9725 asks for, and says what it can do to whoever asks.
func TestWHIPHeaders(t *testing.T) {
	g := start(t, func(c *config.Config) { c.CORSOrigins = []string{"https://example.org"} })
	p := newPeer(t, g)
	p.send(webrtc.MimeTypeVP8, "face", 1, sendOnly)
	response, _ := g.call("POST", "/whip/s1", fresh("s1", "renderer"), sdpType, p.offer())
	location := response.Header.Get("Location")
	if response.StatusCode != 201 || !strings.HasPrefix(location, "/whip/s1/") || response.Header.Get("Content-Type") != sdpType {
		t.Errorf("%d %v", response.StatusCode, response.Header)
	}
	if etag := response.Header.Get("ETag"); len(etag) < 3 || etag[0] != '"' {
		t.Errorf("ETag: %s", etag)
	}
	for origin, allowed := range map[string]string{"https://example.org": "https://example.org", "https://example.com": ""} {
		request, err := http.NewRequest("OPTIONS", g.url+"/whip/s1", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Origin", origin)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if got := response.Header.Get("Access-Control-Allow-Origin"); got != allowed || response.StatusCode != 204 {
			t.Errorf("%s: %d %q", origin, response.StatusCode, got)
		}
		if response.Header.Get("Accept-Post") != sdpType {
			t.Errorf("Accept-Post: %v", response.Header)
		}
	}
}

// An address that calls too often is told to wait; the orchestrator is not counted.
func TestRateLimit(t *testing.T) {
	g := start(t, func(c *config.Config) { c.HTTP.RatePerSecond, c.HTTP.RateBurst = 0.001, 3 })
	for i := range 5 {
		response, body := g.call("DELETE", "/whep/s1/nobody", fresh("s1", "viewer"), "", "")
		want := 404
		if i >= 3 {
			want = 429
		}
		if response.StatusCode != want || problemDetail(t, response, body) == "" {
			t.Errorf("call %d: %d", i, response.StatusCode)
		}
		if want == 429 && response.Header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	}
	if response, _ := g.call("GET", "/sessions", fresh("*", "orchestrator"), "", ""); response.StatusCode != 200 {
		t.Errorf("the orchestrator is refused: %d", response.StatusCode)
	}
}

// Health, readiness and metrics answer without a token.
func TestWhatOperatorsLookAt(t *testing.T) {
	g := start(t, nil)
	g.publishing(t, "s1", "face", 100)
	for path, says := range map[string]string{"/healthz": "alive", "/readyz": "ready", "/metrics": `sfu_peers{role="renderer"} 1`} {
		if response, body := g.call("GET", path, "", "", ""); response.StatusCode != 200 || !strings.Contains(body, says) {
			t.Errorf("%s: %d %s", path, response.StatusCode, body)
		}
	}
}

// A port that is taken is named, with the setting that moves it.
func TestPortInUse(t *testing.T) {
	g := start(t, nil)
	taken := g.config
	if _, err := New(taken, g.log); err == nil || !strings.Contains(err.Error(), "SFU_PORT") {
		t.Errorf("%v", err)
	}
	taken.Port++
	if _, err := New(taken, g.log); err == nil || !strings.Contains(err.Error(), "SFU_UDP_PORT") {
		t.Errorf("%v", err)
	}
}
