package gateway

import (
	"net/http"
	"testing"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v3"

	"flashback/sfu-gateway/config"
)

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
