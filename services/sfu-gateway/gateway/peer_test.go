package gateway

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/pion/ice/v2"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v3"
)

// peer is a WebRTC client on loopback that keeps what it receives, by kind.
type peer struct {
	*webrtc.PeerConnection
	t        *testing.T
	gateway  *running
	vanish   func() // ends everything here, without a word to the gateway
	location string
	role     string
	session  string

	mu      sync.Mutex
	packets map[string][]*rtp.Packet
	reports map[string][]*rtcp.SenderReport
}

func newPeer(t *testing.T, g *running) *peer {
	t.Helper()
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	engine := &webrtc.MediaEngine{}
	if err := engine.RegisterDefaultCodecs(); err != nil { // H264 and VP9 among them, as browsers have it
		t.Fatal(err)
	}
	settings := webrtc.SettingEngine{}
	mux := webrtc.NewICEUDPMux(nil, socket)
	settings.SetICEUDPMux(mux)
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	// A client of pion's that connects at once, as it can on loopback, may never start its DTLS handshake.
	settings.SetHostAcceptanceMinWait(20 * time.Millisecond)
	settings.SetPrflxAcceptanceMinWait(20 * time.Millisecond)
	settings.SetICETimeouts(500*time.Millisecond, 10*time.Second, 100*time.Millisecond)
	settings.DisableSRTPReplayProtection(true) // packets that are sent again are counted
	api := webrtc.NewAPI(webrtc.WithMediaEngine(engine), webrtc.WithSettingEngine(settings))
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{
		PeerConnection: pc, t: t, gateway: g,
		packets: map[string][]*rtp.Packet{}, reports: map[string][]*rtcp.SenderReport{},
	}
	p.vanish = sync.OnceFunc(func() {
		_ = pc.Close()
		_ = mux.Close()
		_ = socket.Close()
	})
	pc.OnTrack(p.receive)
	t.Cleanup(p.vanish)
	return p
}

func (p *peer) receive(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	kind := track.Kind().String()
	go func() {
		for {
			packets, _, err := receiver.ReadRTCP()
			if err != nil {
				return
			}
			for _, packet := range packets {
				if report, ok := packet.(*rtcp.SenderReport); ok && report.SSRC == uint32(track.SSRC()) {
					p.mu.Lock()
					p.reports[kind] = append(p.reports[kind], report)
					p.mu.Unlock()
				}
			}
		}
	}()
	for {
		packet, _, err := track.ReadRTP()
		if err != nil {
			return
		}
		p.mu.Lock()
		p.packets[kind] = append(p.packets[kind], packet)
		p.mu.Unlock()
	}
}

// received is what came in of one kind so far.
func (p *peer) received(kind string) []*rtp.Packet {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]*rtp.Packet(nil), p.packets[kind]...)
}

// has says whether a packet with this marker came in.
func (p *peer) has(kind, marker string) bool {
	for _, packet := range p.received(kind) {
		if bytes.HasSuffix(packet.Payload, []byte(marker)) {
			return true
		}
	}
	return false
}

func (p *peer) transceiver(kind webrtc.RTPCodecType, direction webrtc.RTPTransceiverDirection) *webrtc.RTPTransceiver {
	p.t.Helper()
	t, err := p.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: direction})
	if err != nil {
		p.t.Fatal(err)
	}
	return t
}

// watching adds what a viewer offers.
func (p *peer) watching() *peer {
	p.transceiver(webrtc.RTPCodecTypeAudio, webrtc.RTPTransceiverDirectionRecvonly)
	p.transceiver(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverDirectionRecvonly)
	return p
}

func (p *peer) offer() string {
	p.t.Helper()
	offer, err := p.CreateOffer(nil)
	if err != nil {
		p.t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(p.PeerConnection)
	if err := p.SetLocalDescription(offer); err != nil {
		p.t.Fatal(err)
	}
	<-gathered
	return p.LocalDescription().SDP
}

// join offers at /whip, /whep or /session and waits until connected.
func (p *peer) join(path, session, role string) *peer {
	p.t.Helper()
	p.session, p.role = session, role
	body, contentType := p.offer(), sdpType
	if path == "/session" {
		text, _ := json.Marshal(map[string]string{"sdp": body})
		body, contentType = string(text), "application/json"
	}
	response, answer := p.gateway.call(http.MethodPost, path+"/"+session, fresh(session, role), contentType, body)
	if response.StatusCode != http.StatusCreated {
		p.t.Fatalf("%s: %d %s", path, response.StatusCode, answer)
	}
	if path == "/session" {
		var parsed struct{ SDP, Type string }
		if err := json.Unmarshal([]byte(answer), &parsed); err != nil || parsed.Type != "answer" {
			p.t.Fatalf("not an answer: %s", answer)
		}
		answer = parsed.SDP
	}
	p.location = response.Header.Get("Location")
	if err := p.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		p.t.Fatal(err)
	}
	eventually(p.t, role+" connects", func() bool { return p.ConnectionState() == webrtc.PeerConnectionStateConnected })
	return p
}

// hangUp deletes the peer's Location and returns the status.
func (p *peer) hangUp() int {
	p.t.Helper()
	response, _ := p.gateway.call(http.MethodDelete, p.location, fresh(p.session, p.role), "", "")
	return response.StatusCode
}

const sdpType = "application/sdp"

// publishing is a renderer that is connected; its packets end in the marker.
func (g *running) publishing(t *testing.T, session, marker string, seq uint16) (*peer, *sender) {
	t.Helper()
	p := newPeer(t, g)
	p.send(webrtc.MimeTypeOpus, marker, seq, webrtc.RTPTransceiverDirectionSendonly)
	video := p.send(webrtc.MimeTypeVP8, marker, seq, webrtc.RTPTransceiverDirectionSendonly)
	return p.join("/whip", session, "renderer"), video
}

func (g *running) viewing(t *testing.T, session string) *peer {
	t.Helper()
	return newPeer(t, g).watching().join("/whep", session, "viewer")
}
