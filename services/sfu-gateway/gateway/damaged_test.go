package gateway

import (
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/pion/webrtc/v3"
)

// Offers that were damaged anywhere are answered or refused, never a fault of the gateway, which works on.
func TestDamagedOffers(t *testing.T) {
	g := start(t, nil)
	p := newPeer(t, g).watching()
	if _, err := p.CreateDataChannel("chat", nil); err != nil {
		t.Fatal(err)
	}
	p.send(webrtc.MimeTypeOpus, "voice", 1, sendRecv)
	lines := strings.SplitAfter(p.offer(), "\n")
	dice := rand.New(rand.NewPCG(1, 2))
	everything := fresh("*", "orchestrator")
	for range 400 {
		body := damage(dice, lines)
		response, answer := g.call(http.MethodPost, "/whep/s1", everything, sdpType, body)
		switch {
		case response.StatusCode == http.StatusCreated:
			g.call(http.MethodDelete, response.Header.Get("Location"), everything, "", "")
		case response.StatusCode >= 500:
			t.Fatalf("%d %s\n%s", response.StatusCode, answer, body)
		default:
			problemDetail(t, response, answer)
		}
	}
	g.publishing(t, "s1", "face", 100)
	viewer := g.viewing(t, "s1")
	eventually(t, "media flows", func() bool { return viewer.has("video", "face") })
}

// damage drops, repeats, shortens or garbles up to three lines.
func damage(dice *rand.Rand, lines []string) string {
	damaged := append([]string(nil), lines...)
	for range 1 + dice.IntN(3) {
		i := dice.IntN(len(damaged))
		line := damaged[i]
		switch dice.IntN(4) {
		case 0:
			damaged[i] = ""
		case 1:
			damaged[i] = lines[dice.IntN(len(lines))]
		case 2:
			damaged[i] = line[:dice.IntN(len(line)+1)] + "\r\n"
		case 3:
			if len(line) > 0 {
				at := dice.IntN(len(line))
				damaged[i] = line[:at] + string(rune(' '+dice.IntN(90))) + line[at+1:]
			}
		}
	}
	return strings.Join(damaged, "")
}
