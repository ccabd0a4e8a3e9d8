// Package rtcnet makes WebRTC peer connections that share one UDP socket, one set of codecs and the advertised addresses.
package rtcnet

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/pion/ice/v2"
	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/interceptor/pkg/report"
	"github.com/pion/webrtc/v3"
)

// socketBuffer, in bytes, holds bursts: a keyframe leaves for many viewers at once.
const socketBuffer = 4 << 20

// Opus is the only audio codec.
var Opus = webrtc.RTPCodecParameters{
	RTPCodecCapability: webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1",
	},
	PayloadType: 111,
}

// VP8 is the only video codec. pion's comparison of names minds the case, so it is spelled as browsers spell it.
var VP8 = webrtc.RTPCodecParameters{
	RTPCodecCapability: webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeVP8, ClockRate: 90000,
		RTCPFeedback: []webrtc.RTCPFeedback{{Type: "ccm", Parameter: "fir"}, {Type: "nack"}, {Type: "nack", Parameter: "pli"}},
	},
	PayloadType: 96,
}

// Options configure the port and ICE.
type Options struct {
	Bind      net.IP
	Port      int
	Advertise []string // addresses of candidates: external, or external/local
	Lite      bool     // ICE lite (RFC 8445): answer connectivity checks, send none

	Disconnected time.Duration // without a sign of life until a connection counts as disconnected
	Failed       time.Duration // from then until it counts as failed
	Keepalive    time.Duration // between two signs of life
}

// Net makes peer connections over one UDP port.
type Net struct {
	settings webrtc.SettingEngine
	mux      ice.UDPMux
	socket   *watchedSocket
}

// Listen opens the UDP port. An error is that of the socket, or a sentence about Advertise.
func Listen(o Options, log *slog.Logger) (*Net, error) {
	udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: o.Bind, Port: o.Port})
	if err != nil {
		return nil, err
	}
	socket := watch(udp)
	if err := socket.SetReadBuffer(socketBuffer); err != nil {
		log.Debug("the UDP socket keeps its small read buffer", "reason", err)
	}
	if err := socket.SetWriteBuffer(socketBuffer); err != nil {
		log.Debug("the UDP socket keeps its small write buffer", "reason", err)
	}
	loggers := pionLogs{log}
	n := &Net{mux: webrtc.NewICEUDPMux(loggers.NewLogger("mux"), socket), socket: socket}
	n.settings.LoggerFactory = loggers
	n.settings.SetICEUDPMux(n.mux)
	n.settings.SetICETimeouts(o.Disconnected, o.Failed, o.Keepalive)
	n.settings.SetLite(o.Lite)
	n.settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	n.settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6})
	pairs, err := natPairs(o.Bind, o.Advertise)
	if err != nil {
		_ = n.Close()
		return nil, err
	}
	if len(pairs) > 0 {
		n.settings.SetNAT1To1IPs(pairs, webrtc.ICECandidateTypeHost)
	}
	return n, nil
}

// natPairs turns plain addresses into external/local pairs, as pion's NAT 1:1 mapping needs them: without the local half it
// gives every local address the same candidate, and none of them connects. Loopback maps to itself, for a renderer on the
// same machine.
func natPairs(bind net.IP, advertise []string) ([]string, error) {
	if len(advertise) == 0 {
		return nil, nil
	}
	var pairs []string
	// pion closes the socket of a candidate that it has already, so no address may be advertised twice.
	loopback := func(address string) bool { return strings.HasPrefix(address, "127.0.0.1/") || address == "127.0.0.1" }
	if bind.IsUnspecified() && !slices.ContainsFunc(advertise, loopback) {
		pairs = append(pairs, "127.0.0.1/127.0.0.1")
	}
	for _, address := range advertise {
		switch {
		case strings.Contains(address, "/"):
			pairs = append(pairs, address)
		case !bind.IsUnspecified():
			pairs = append(pairs, address+"/"+bind.String())
		default:
			local, err := routeTo(address)
			if err != nil {
				return nil, fmt.Errorf("SFU_ADVERTISE: no local address leads to %s (%w); write it as external/local", address, err)
			}
			pairs = append(pairs, address+"/"+local.String())
		}
	}
	return pairs, nil
}

// routeTo returns the local address from which packets to a remote one leave. It sends none.
func routeTo(remote string) (net.IP, error) {
	conn, err := net.Dial("udp", net.JoinHostPort(remote, "9"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	return conn.LocalAddr().(*net.UDPAddr).IP, nil
}

// NewConnection makes a peer connection. One that publishes sends NACKs for lost video packets. What is sent needs no
// interceptors: ion-sfu retransmits it and writes its sender reports.
func (n *Net) NewConnection(publishes bool) (*webrtc.PeerConnection, error) {
	engine := &webrtc.MediaEngine{}
	if err := engine.RegisterCodec(Opus, webrtc.RTPCodecTypeAudio); err != nil {
		return nil, err
	}
	if err := engine.RegisterCodec(VP8, webrtc.RTPCodecTypeVideo); err != nil {
		return nil, err
	}
	registry := &interceptor.Registry{}
	reports, err := report.NewReceiverInterceptor()
	if err != nil {
		return nil, err
	}
	registry.Add(reports)
	if publishes {
		generator, err := nack.NewGeneratorInterceptor()
		if err != nil {
			return nil, err
		}
		registry.Add(generator)
	}
	api := webrtc.NewAPI(
		webrtc.WithMediaEngine(engine),
		webrtc.WithInterceptorRegistry(registry),
		webrtc.WithSettingEngine(n.settings),
	)
	return api.NewPeerConnection(webrtc.Configuration{})
}

// Serve returns nil once the context has ended, or else the error for which pion reads the UDP port no more: then nobody
// can connect, and those who are connected hear and see nothing. It closes nothing.
func (n *Net) Serve(ctx context.Context) error {
	select {
	case <-n.socket.closed:
		return n.socket.reason()
	case <-ctx.Done():
		return nil
	}
}

// Close ends every connection's transport and closes the UDP port.
func (n *Net) Close() error {
	err := n.mux.Close()
	if closing := n.socket.Close(); err == nil {
		err = closing
	}
	return err
}
