package gateway

import (
	"bytes"
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v3"

	"flashback/sfu-gateway/config"
	"flashback/sfu-gateway/session"
	"flashback/sfu-gateway/stream"
)

const (
	sendOnly = webrtc.RTPTransceiverDirectionSendonly
	recvOnly = webrtc.RTPTransceiverDirectionRecvonly
	sendRecv = webrtc.RTPTransceiverDirectionSendrecv
)

// What a renderer publishes reaches a viewer on both tracks, whichever of them was there first.
func TestPublishAndWatch(t *testing.T) {
	g := start(t, nil)
	early := g.viewing(t, "s1")
	renderer, video := g.publishing(t, "s1", "face", 100)
	late := g.viewing(t, "s1")
	for _, viewer := range []*peer{early, late} {
		for _, kind := range []string{"audio", "video"} {
			eventually(t, kind+" arrives", func() bool { return viewer.has(kind, "face") })
		}
	}
	eventually(t, "the renderer is asked for a keyframe", func() bool { return video.keyframesAsked() > 0 })
	for _, p := range []*peer{early, late, renderer} {
		if status := p.hangUp(); status != http.StatusOK {
			t.Errorf("DELETE of %s: %d", p.role, status)
		}
		if status := p.hangUp(); status != http.StatusNotFound {
			t.Errorf("second DELETE of %s: %d", p.role, status)
		}
	}
}

// A gateway that never sends checks of its own connects as well, on one address or on all.
func TestICELite(t *testing.T) {
	for _, bind := range []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4zero} {
		t.Run(bind.String(), func(t *testing.T) {
			g := start(t, func(c *config.Config) { c.ICE.Lite, c.Bind = true, bind })
			g.publishing(t, "s1", "face", 100)
			viewer := g.viewing(t, "s1")
			eventually(t, "media flows", func() bool { return viewer.has("audio", "face") && viewer.has("video", "face") })
		})
	}
}

// A talker's microphone reaches asr and nobody else; talker and viewer get the avatar and nothing else.
func TestTalkAndWatchOverOneConnection(t *testing.T) {
	arrangements := map[string]func(*peer){
		"microphone both ways, video": func(p *peer) {
			p.send(webrtc.MimeTypeOpus, "voice", 7, sendRecv)
			p.transceiver(webrtc.RTPCodecTypeVideo, recvOnly)
		},
		"video before the microphone": func(p *peer) {
			p.transceiver(webrtc.RTPCodecTypeVideo, recvOnly)
			p.send(webrtc.MimeTypeOpus, "voice", 7, sendRecv)
		},
		"microphone up, audio and video down": func(p *peer) {
			p.send(webrtc.MimeTypeOpus, "voice", 7, sendOnly)
			p.transceiver(webrtc.RTPCodecTypeAudio, recvOnly)
			p.transceiver(webrtc.RTPCodecTypeVideo, recvOnly)
		},
		"audio down before the microphone": func(p *peer) {
			p.watching()
			p.send(webrtc.MimeTypeOpus, "voice", 7, sendOnly)
		},
		"microphone both ways, and audio down": func(p *peer) {
			p.send(webrtc.MimeTypeOpus, "voice", 7, sendRecv)
			p.watching()
		},
		"microphone and camera both ways": func(p *peer) {
			p.send(webrtc.MimeTypeOpus, "voice", 7, sendRecv)
			p.send(webrtc.MimeTypeVP8, "camera", 7, sendRecv)
		},
	}
	g := start(t, nil)
	for name, arrange := range arrangements {
		t.Run(name, func(t *testing.T) {
			id := rename(name)
			g.publishing(t, id, "face", 100)
			asr := newPeer(t, g)
			asr.transceiver(webrtc.RTPCodecTypeAudio, recvOnly)
			asr.join("/whep", id, "asr")
			viewer := g.viewing(t, id)
			talker := newPeer(t, g)
			arrange(talker)
			talker.join("/session", id, "talker")
			eventually(t, "asr hears the microphone", func() bool { return asr.has("audio", "voice") })
			for _, p := range []*peer{viewer, talker} {
				eventually(t, p.role+" gets the avatar", func() bool { return p.has("audio", "face") && p.has("video", "face") })
				if p.has("audio", "voice") || p.has("video", "camera") {
					t.Errorf("%s hears the microphone or sees a camera", p.role)
				}
			}
			if asr.has("audio", "face") || len(asr.received("video")) > 0 {
				t.Error("asr gets the avatar")
			}
			if status := talker.hangUp(); status != http.StatusNoContent {
				t.Errorf("DELETE: %d", status)
			}
		})
	}
}

// asr that offers a second audio section gets the microphone in the first and the avatar's voice in the second, each on
// its own, whoever was there first.
func TestReference(t *testing.T) {
	g := start(t, nil)
	asr := newPeer(t, g)
	asr.transceiver(webrtc.RTPCodecTypeAudio, recvOnly)
	asr.transceiver(webrtc.RTPCodecTypeAudio, recvOnly)
	asr.join("/whep", "s1", "asr")
	g.publishing(t, "s1", "face", 100)
	talker := newPeer(t, g)
	talker.send(webrtc.MimeTypeOpus, "voice", 7, sendOnly)
	talker.join("/session", "s1", "talker")
	eventually(t, "asr hears both", func() bool { return asr.has("audio", "voice") && asr.has("audio", "face") })
	heard := map[string]map[uint32]bool{"voice": {}, "face": {}}
	for _, packet := range asr.received("audio") {
		for marker, sources := range heard {
			if bytes.HasSuffix(packet.Payload, []byte(marker)) {
				sources[packet.SSRC] = true
			}
		}
	}
	for marker, section := range map[string]int{"voice": 0, "face": 1} {
		track := asr.GetTransceivers()[section].Receiver().Track()
		if want := map[uint32]bool{uint32(track.SSRC()): true}; !maps.Equal(heard[marker], want) {
			t.Errorf("%s came by %v, not by section %d alone (%v)", marker, heard[marker], section, want)
		}
	}
}

// A page without a microphone joins all the same, with an audio section that only receives.
func TestTalkerWithoutMicrophone(t *testing.T) {
	g := start(t, nil)
	g.publishing(t, "s1", "face", 100)
	talker := newPeer(t, g).watching().join("/session", "s1", "talker")
	eventually(t, "the avatar arrives", func() bool { return talker.has("audio", "face") && talker.has("video", "face") })
}

// One microphone is heard at a time; when it falls silent the other takes over, and asr sees one unbroken stream.
func TestMicrophonesTakeTurns(t *testing.T) {
	g := start(t, func(c *config.Config) { c.Media.MicrophoneHandoverMS = 100 })
	asr := newPeer(t, g)
	asr.transceiver(webrtc.RTPCodecTypeAudio, recvOnly)
	asr.join("/whep", "s1", "asr")
	ann := newPeer(t, g)
	voice := ann.send(webrtc.MimeTypeOpus, "ann", 1, sendOnly)
	ann.join("/session", "s1", "talker")
	eventually(t, "ann is heard", func() bool { return asr.has("audio", "ann") })
	bob := newPeer(t, g)
	bob.send(webrtc.MimeTypeOpus, "bob", 40000, sendOnly)
	bob.join("/session", "s1", "talker")
	before := len(asr.received("audio"))
	eventually(t, "ann goes on", func() bool { return len(asr.received("audio")) > before+20 })
	if asr.has("audio", "bob") {
		t.Error("two microphones are heard at once")
	}
	voice.stop()
	eventually(t, "bob is heard", func() bool { return asr.has("audio", "bob") })
	unbroken(t, asr.received("audio"))
}

// A second renderer replaces the first: sequence numbers and time go on, nothing is negotiated, sync comes back.
func TestRendererIsReplaced(t *testing.T) {
	g := start(t, nil)
	first, _ := g.publishing(t, "s1", "first", 65500) // wraps around on the way
	viewer := g.viewing(t, "s1")
	negotiations := 0
	viewer.OnNegotiationNeeded(func() { negotiations++ })
	eventually(t, "the first is seen", func() bool { return viewer.has("audio", "first") && viewer.has("video", "first") })
	second, _ := g.publishing(t, "s1", "second", 12345)
	eventually(t, "the second is seen", func() bool { return viewer.has("audio", "second") && viewer.has("video", "second") })
	if status := first.hangUp(); status != http.StatusNotFound {
		t.Errorf("the first renderer is still there: %d", status)
	}
	// Killed without a word, and its successor comes before anybody noticed.
	second.vanish()
	g.publishing(t, "s1", "third", 3)
	eventually(t, "the third is seen", func() bool { return viewer.has("audio", "third") && viewer.has("video", "third") })
	unbroken(t, viewer.received("audio"))
	unbroken(t, viewer.received("video"))
	if negotiations > 0 {
		t.Errorf("%d negotiations", negotiations)
	}
}

// unbroken checks that no sequence number is missing and that time never runs backwards or leaps.
func unbroken(t *testing.T, packets []*rtp.Packet) {
	t.Helper()
	for i := 1; i < len(packets); i++ {
		before, after := packets[i-1], packets[i]
		if after.SequenceNumber != before.SequenceNumber+1 {
			t.Errorf("packet %d follows %d", after.SequenceNumber, before.SequenceNumber)
		}
		if step := after.Timestamp - before.Timestamp; step == 0 || step > 10*90000 {
			t.Errorf("time leaps by %d", int32(step))
		}
		if after.SSRC != before.SSRC {
			t.Error("the stream's SSRC changed")
		}
	}
}

// Audio and video stay in sync, whatever the renderer's clock: a viewer's sender reports place what the renderer's
// placed at one time at one time.
func TestSenderReportsKeepSync(t *testing.T) {
	g := start(t, nil)
	renderer, _ := g.publishing(t, "s1", "face", 100)
	viewer := g.viewing(t, "s1")
	eventually(t, "media flows", func() bool { return viewer.has("audio", "face") && viewer.has("video", "face") })
	// The renderer's clock is three minutes ahead. Both tracks started at the tick 100 000: audio half a second before
	// what is reported, video a quarter.
	before := map[string]time.Duration{"audio": time.Second / 2, "video": time.Second / 4}
	clock := map[string]float64{"audio": 48000, "video": 90000}
	var reports []rtcp.Packet
	for _, s := range renderer.GetSenders() {
		kind := s.Track().Kind().String()
		reports = append(reports, &rtcp.SenderReport{
			SSRC:    uint32(s.GetParameters().Encodings[0].SSRC),
			NTPTime: stream.ToNTP(time.Now().Add(3 * time.Minute)),
			RTPTime: 100_000 + uint32(before[kind].Seconds()*clock[kind]),
		})
	}
	reports[1].(*rtcp.SenderReport).NTPTime = reports[0].(*rtcp.SenderReport).NTPTime
	if err := renderer.WriteRTCP(reports); err != nil {
		t.Fatal(err)
	}
	reported := time.Now()
	last := func(kind string) *rtcp.SenderReport {
		viewer.mu.Lock()
		defer viewer.mu.Unlock()
		if n := len(viewer.reports[kind]); n > 0 {
			return viewer.reports[kind][n-1]
		}
		return nil
	}
	eventually(t, "both tracks are reported", func() bool { return last("audio") != nil && last("video") != nil })
	starts := map[string]time.Time{}
	for kind := range before {
		report, first := last(kind), viewer.received(kind)[0]
		// The payload says how many ticks after its start the renderer sent this packet.
		ticks := report.RTPTime - first.Timestamp + sentTicks(t, first)
		starts[kind] = stream.FromNTP(report.NTPTime).Add(-time.Duration(float64(ticks) / clock[kind] * float64(time.Second)))
	}
	apart := starts["video"].Sub(starts["audio"])
	if wrong := (apart - (before["audio"] - before["video"])).Abs(); wrong > time.Millisecond {
		t.Errorf("out of sync by %v", wrong)
	}
	if off := starts["audio"].Add(before["audio"]).Sub(reported).Abs(); off > 5*time.Second {
		t.Errorf("%v off this machine's clock", off)
	}
}

// sentTicks is how many ticks after its start a test's sender wrote the packet.
func sentTicks(t *testing.T, p *rtp.Packet) uint32 {
	t.Helper()
	i := bytes.IndexByte(p.Payload, '#')
	ticks, err := strconv.ParseUint(string(p.Payload[i+1:i+11]), 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(ticks)
}

// A viewer's requests for lost packets are answered for video, ignored for audio, and harm nobody.
func TestRetransmission(t *testing.T) {
	g := start(t, nil)
	g.publishing(t, "s1", "face", 100)
	viewer := g.viewing(t, "s1")
	eventually(t, "media flows", func() bool { return len(viewer.received("audio")) > 5 && len(viewer.received("video")) > 5 })
	for _, kind := range []string{"audio", "video"} {
		packet := viewer.received(kind)[2]
		nack := &rtcp.TransportLayerNack{
			MediaSSRC: packet.SSRC, Nacks: rtcp.NackPairsFromSequenceNumbers([]uint16{packet.SequenceNumber, packet.SequenceNumber + 30000}),
		}
		if err := viewer.WriteRTCP([]rtcp.Packet{nack}); err != nil {
			t.Fatal(err)
		}
	}
	lost := viewer.received("video")[2].SequenceNumber
	eventually(t, "the packet is sent again", func() bool {
		times := 0
		for _, p := range viewer.received("video") {
			if p.SequenceNumber == lost {
				times++
			}
		}
		return times == 2
	})
	heard := len(viewer.received("audio"))
	eventually(t, "audio goes on", func() bool { return len(viewer.received("audio")) > heard+5 })
}

// Data channels, from whoever, are closed and harm nobody.
func TestDataChannelsAreClosed(t *testing.T) {
	g := start(t, nil)
	for _, role := range []struct{ path, role string }{{"/whep", "viewer"}, {"/session", "talker"}} {
		p := newPeer(t, g).watching()
		channel, err := p.CreateDataChannel("chat", nil)
		if err != nil {
			t.Fatal(err)
		}
		closed := make(chan struct{})
		channel.OnClose(func() { close(closed) })
		p.join(role.path, "s1", role.role)
		select {
		case <-closed:
		case <-time.After(10 * time.Second):
			t.Errorf("the data channel of a %s stays open", role.role)
		}
	}
	g.publishing(t, "s1", "face", 100)
	viewer := g.viewing(t, "s1")
	eventually(t, "media flows", func() bool { return viewer.has("video", "face") })
}

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

func (r *running) listed() []session.Summary {
	r.t.Helper()
	_, body := r.call(http.MethodGet, "/sessions", fresh("*", "orchestrator"), "", "")
	var list struct{ Sessions []session.Summary }
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		r.t.Fatalf("%v: %s", err, body)
	}
	return list.Sessions
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
