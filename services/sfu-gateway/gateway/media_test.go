package gateway

import (
	"bytes"
	"maps"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/pion/webrtc/v3"

	"flashback/sfu-gateway/config"
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
