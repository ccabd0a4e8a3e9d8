package gateway

import (
	"net/http"
	"runtime"
	"testing"

	"github.com/pion/webrtc/v3"

	"flashback/sfu-gateway/config"
	"flashback/sfu-gateway/session"
)

// Several sessions at once do not see or hear each other.
func TestSessionsAreSeparate(t *testing.T) {
	g := start(t, nil)
	viewers := map[string]*peer{}
	for _, id := range []string{"s1", "s2", "s3"} {
		g.publishing(t, id, "face of "+id, 500)
		viewers[id] = g.viewing(t, id)
	}
	for id, viewer := range viewers {
		for _, kind := range []string{"audio", "video"} {
			eventually(t, kind+" of "+id, func() bool { return len(viewer.received(kind)) > 20 })
			for _, packet := range viewer.received(kind) {
				if want := "face of " + id; string(packet.Payload[len(packet.Payload)-len(want):]) != want {
					t.Fatalf("%s receives %q", id, packet.Payload)
				}
			}
		}
	}
	want := []session.Summary{{Session: "s1", Viewers: 1, Publishing: true}, {Session: "s2", Viewers: 1, Publishing: true}, {Session: "s3", Viewers: 1, Publishing: true}}
	if got := g.listed(); len(got) != 3 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
		t.Errorf("sessions: %+v", got)
	}
	if response, _ := g.call(http.MethodDelete, "/session/s2", fresh("*", "orchestrator"), "", ""); response.StatusCode != http.StatusNoContent {
		t.Errorf("DELETE /session/s2: %d", response.StatusCode)
	}
	eventually(t, "the viewer of s2 is disconnected", func() bool {
		return viewers["s2"].ConnectionState() == webrtc.PeerConnectionStateClosed || viewers["s2"].ICEConnectionState() >= webrtc.ICEConnectionStateDisconnected
	})
	if got := g.listed(); len(got) != 2 {
		t.Errorf("sessions: %+v", got)
	}
	seen := len(viewers["s1"].received("video"))
	eventually(t, "s1 goes on", func() bool { return len(viewers["s1"].received("video")) > seen+5 })
}

// Peers that vanish, joins that never connect and sessions that empty leave nothing behind.
func TestNothingIsLeftBehind(t *testing.T) {
	g := start(t, func(c *config.Config) {
		c.Joins.EmptySessionSeconds, c.Joins.ConnectSeconds = 0.05, 3
		c.ICE.DisconnectedSeconds, c.ICE.FailedSeconds, c.ICE.KeepaliveSeconds = 1, 1, 0.2
	})
	g.listed() // it runs by now
	before := runtime.NumGoroutine()
	var peers []*peer
	for _, id := range []string{"s1", "s2"} {
		renderer, _ := g.publishing(t, id, "face", 100)
		peers = append(peers, renderer, g.viewing(t, id), g.viewing(t, id))
	}
	never := newPeer(t, g).watching()
	if response, body := g.call(http.MethodPost, "/whep/s3", fresh("s3", "viewer"), sdpType, never.offer()); response.StatusCode != http.StatusCreated {
		t.Fatal(body)
	}
	peers = append(peers, never)
	if n := len(g.listed()); n != 3 {
		t.Errorf("%d sessions", n)
	}
	for _, p := range peers {
		p.vanish()
	}
	eventually(t, "all sessions are gone", func() bool { return len(g.listed()) == 0 })
	http.DefaultClient.CloseIdleConnections()
	// Calls and the search for Redis come and go; a peer or a session that leaks would show more than once.
	eventually(t, "all goroutines are gone", func() bool { return runtime.NumGoroutine() < before+len(peers) })
}

// Shutting down refuses joins, fails readiness with a reason, closes the peers and returns soon.
func TestShutdown(t *testing.T) {
	g := start(t, func(c *config.Config) { c.HTTP.DrainSeconds = 0.5 })
	viewer := g.viewing(t, "s1")
	g.stop()
	eventually(t, "readiness fails", func() bool {
		response, body := g.call(http.MethodGet, "/readyz", "", "", "")
		return response.StatusCode == http.StatusServiceUnavailable && problemDetail(t, response, body) != ""
	})
	another := newPeer(t, g).watching()
	response, body := g.call(http.MethodPost, "/whep/s1", fresh("s1", "viewer"), sdpType, another.offer())
	if response.StatusCode != http.StatusServiceUnavailable || problemDetail(t, response, body) == "" {
		t.Errorf("a join while shutting down: %d %s", response.StatusCode, body)
	}
	err := <-g.done
	g.done <- err
	if err != nil {
		t.Error(err)
	}
	eventually(t, "the viewer is disconnected", func() bool { return viewer.ConnectionState() > webrtc.PeerConnectionStateConnected })
}
