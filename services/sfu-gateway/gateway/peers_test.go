package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/pion/ice/v2"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v3"

	"flashback/sfu-gateway/config"
)

const secret = "a secret of more than thirty-two characters"

// running is a gateway with open ports, stopped at the end of the test.
type running struct {
	*Gateway
	t    *testing.T
	url  string
	stop context.CancelFunc
	done chan error
}

func start(t *testing.T, change func(*config.Config)) *running {
	t.Helper()
	file, err := os.ReadFile("../config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{
		"SFU_BIND": "127.0.0.1", "TOKEN_SECRET": secret, "REDIS_URL": "redis://127.0.0.1:1/0",
		"SFU_PORT": freePort(t), "SFU_UDP_PORT": freePort(t),
	}
	c, err := config.Load(func(key string) string { return env[key] }, file)
	if err != nil {
		t.Fatal(err)
	}
	c.HTTP.RatePerSecond, c.HTTP.RateBurst, c.HTTP.DrainSeconds = 1000, 1000, 0.01
	if change != nil {
		change(&c)
	}
	g, err := New(c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	r := &running{Gateway: g, t: t, url: "http://127.0.0.1:" + strconv.Itoa(c.Port), stop: stop, done: make(chan error, 1)}
	go func() { r.done <- g.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-r.done; err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	return r
}

func freePort(t *testing.T) string {
	t.Helper()
	probe, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = probe.Close() }()
	return strconv.Itoa(probe.Addr().(*net.TCPAddr).Port)
}

func bearer(session, role string, expires time.Time) string {
	claims := jwt.MapClaims{"sid": session, "role": role, "exp": expires.Unix()}
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(secret))
	if err != nil {
		panic(err)
	}
	return "Bearer " + text
}

func fresh(session, role string) string { return bearer(session, role, time.Now().Add(time.Minute)) }

// call is one HTTP request; the answer's body is read.
func (r *running) call(method, path, authorization, contentType, body string) (*http.Response, string) {
	r.t.Helper()
	request, err := http.NewRequest(method, r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	request.Header.Set("Authorization", authorization)
	request.Header.Set("Content-Type", contentType)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return response, string(text)
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

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

// sender writes a packet every 5 ms until the test ends: how many ticks after the start it is, then its marker.
type sender struct {
	track *webrtc.TrackLocalStaticRTP
	rtp   *webrtc.RTPSender
	stop  func()

	mu    sync.Mutex
	seq   uint16
	asked int // keyframes asked for
}

func (p *peer) send(codec, marker string, seq uint16, direction webrtc.RTPTransceiverDirection) *sender {
	p.t.Helper()
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: codec}, "t", "s")
	if err != nil {
		p.t.Fatal(err)
	}
	transceiver, err := p.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: direction})
	if err != nil {
		p.t.Fatal(err)
	}
	done := make(chan struct{})
	s := &sender{track: track, rtp: transceiver.Sender(), seq: seq, stop: sync.OnceFunc(func() { close(done) })}
	p.t.Cleanup(s.stop)
	go s.listen()
	go s.run(codec, marker, done)
	return s
}

func (s *sender) run(codec, marker string, done <-chan struct{}) {
	prefix := ""
	if codec == webrtc.MimeTypeVP8 {
		prefix = "\x10\x00" // the first packet of a keyframe
	}
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	start := uint32(s.seq) * 1000
	for ticks := uint32(0); ; ticks += 240 {
		select {
		case <-ticker.C:
		case <-done:
			return
		}
		s.mu.Lock()
		s.seq++
		packet := &rtp.Packet{
			Header:  rtp.Header{Version: 2, SequenceNumber: s.seq, Timestamp: start + ticks, Marker: true},
			Payload: fmt.Appendf(nil, "%s#%010d %s", prefix, ticks, marker),
		}
		s.mu.Unlock()
		_ = s.track.WriteRTP(packet)
	}
}

func (s *sender) listen() {
	for {
		packets, _, err := s.rtp.ReadRTCP()
		if err != nil {
			return
		}
		for _, packet := range packets {
			if _, ok := packet.(*rtcp.PictureLossIndication); ok {
				s.mu.Lock()
				s.asked++
				s.mu.Unlock()
			}
		}
	}
}

func (s *sender) keyframesAsked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

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
