package offer

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pion/sdp/v3"
)

var (
	talker   = Policy{Up: map[Kind]bool{Audio: true}, Down: map[Kind]bool{Audio: true, Video: true}}
	viewer   = Policy{Down: map[Kind]bool{Audio: true, Video: true}}
	renderer = Policy{Up: map[Kind]bool{Audio: true, Video: true}}
	asr      = Policy{Down: map[Kind]bool{Audio: true}, Reference: true}
)

// build makes an offer of sections such as "audio sendrecv"; a third word replaces the codec, a fourth the port.
func build(sections ...string) string {
	b := strings.Builder{}
	b.WriteString("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n")
	for mid, text := range sections {
		words := append(strings.Fields(text), "", "")
		codec, port := words[2], words[3]
		if codec == "" {
			codec = map[string]string{"audio": "opus/48000/2", "video": "VP8/90000"}[words[0]]
		}
		if port == "" {
			port = "9"
		}
		fmt.Fprintf(&b, "m=%s %s UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:%d\r\n", words[0], port, mid)
		if words[1] != "-" {
			fmt.Fprintf(&b, "a=%s\r\n", words[1])
		}
		fmt.Fprintf(&b, "a=rtpmap:96 %s\r\n", codec)
	}
	return b.String()
}

func directionsOf(t *testing.T, text string) string {
	t.Helper()
	var description sdp.SessionDescription
	if err := description.UnmarshalString(text); err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, media := range description.MediaDescriptions {
		found = append(found, direction(media.Attributes))
	}
	return strings.Join(found, " ")
}

// Each section of an offer is narrowed to what the role may send and receive; what is received goes down once.
func TestNarrowing(t *testing.T) {
	for _, c := range []struct {
		name     string
		policy   Policy
		sections []string
		narrowed string
		down     map[Kind]Direction
	}{
		{"viewer", viewer, []string{"audio recvonly", "video recvonly"}, "recvonly recvonly", map[Kind]Direction{Audio: SendOnly, Video: SendOnly}},
		{"viewer that would send", viewer, []string{"audio sendrecv", "video sendonly"}, "recvonly inactive", map[Kind]Direction{Audio: SendOnly}},
		{"no direction is both ways", viewer, []string{"audio -"}, "recvonly", map[Kind]Direction{Audio: SendOnly}},
		{"asr", asr, []string{"audio recvonly", "video recvonly"}, "recvonly inactive", map[Kind]Direction{Audio: SendOnly}},
		{"asr with a reference", asr, []string{"audio recvonly", "audio recvonly", "audio recvonly"}, "recvonly recvonly inactive", map[Kind]Direction{Audio: SendOnly}},
		{"renderer", renderer, []string{"audio sendrecv", "video sendonly"}, "sendonly sendonly", nil},
		{"talker", talker, []string{"audio sendrecv", "video recvonly"}, "sendrecv recvonly", map[Kind]Direction{Audio: SendRecv, Video: SendOnly}},
		{"talker without a microphone", talker, []string{"audio recvonly", "video recvonly"}, "recvonly recvonly", map[Kind]Direction{Audio: SendOnly, Video: SendOnly}},
		{"talker, a section each", talker, []string{"audio sendonly", "audio recvonly", "video recvonly"}, "sendonly recvonly recvonly", map[Kind]Direction{Audio: SendOnly, Video: SendOnly}},
		{"talker, down twice", talker, []string{"audio sendrecv", "audio recvonly", "video recvonly"}, "sendonly recvonly recvonly", map[Kind]Direction{Audio: SendOnly, Video: SendOnly}},
		{"talker, video down twice", talker, []string{"video recvonly", "video recvonly"}, "recvonly inactive", map[Kind]Direction{Video: SendOnly}},
		{"talker with a camera", talker, []string{"audio sendrecv", "video sendrecv"}, "sendrecv recvonly", map[Kind]Direction{Audio: SendRecv, Video: SendOnly}},
		{"a section that is off", viewer, []string{"audio recvonly opus/48000/2 0", "video recvonly"}, "inactive recvonly", map[Kind]Direction{Video: SendOnly}},
		{"a codec of no interest in a section that is off", asr, []string{"audio recvonly", "video inactive H264/90000"}, "recvonly inactive", map[Kind]Direction{Audio: SendOnly}},
	} {
		t.Run(c.name, func(t *testing.T) {
			plan, err := Accept(build(c.sections...), c.policy)
			if err != nil {
				t.Fatal(err)
			}
			if got := directionsOf(t, plan.SDP); got != c.narrowed {
				t.Errorf("narrowed to %s, not %s", got, c.narrowed)
			}
			if len(plan.Down) != len(c.down) {
				t.Errorf("down: %v", plan.Down)
			}
			for kind, way := range c.down {
				if plan.Down[kind] != way {
					t.Errorf("%s down: %s", kind, plan.Down[kind])
				}
			}
		})
	}
}

// An offer that has nothing to connect is refused with a sentence that says what it lacks.
func TestUnacceptable(t *testing.T) {
	for _, c := range []struct {
		policy   Policy
		sections []string
		says     string
	}{
		{viewer, nil, "neither an audio nor a video"},
		{viewer, []string{"audio inactive"}, "receives audio or receives video"},
		{viewer, []string{"audio sendonly"}, "receives audio"},
		{renderer, []string{"audio recvonly", "video recvonly"}, "sends audio or sends video"},
		{asr, []string{"video recvonly"}, "receives audio"},
		{viewer, []string{"video recvonly H264/90000"}, "VP8"},
		{viewer, []string{"audio recvonly PCMU/8000"}, "OPUS"},
		{viewer, []string{"text recvonly T140/1000"}, "text"},
	} {
		if _, err := Accept(build(c.sections...), c.policy); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v: %v", c.sections, err)
		}
	}
}

// Whatever is sent as an offer, nothing breaks.
func FuzzAccept(f *testing.F) {
	f.Add(build("audio sendrecv", "video recvonly"))
	f.Add("v=0\r\nm=audio")
	f.Fuzz(func(t *testing.T, text string) {
		plan, err := Accept(text, talker)
		if err == nil && plan.SDP == "" {
			t.Error("accepted, but nothing is left")
		}
	})
}
