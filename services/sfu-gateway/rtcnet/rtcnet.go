// Package rtcnet makes peer connections: one UDP socket for all of them, one set of codecs, what is advertised.
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

// socketBuffer holds what arrives and leaves in bursts: keyframes to many viewers at once.
const socketBuffer = 4 << 20

// Opus is the audio that is carried.
var Opus = webrtc.RTPCodecParameters{
	RTPCodecCapability: webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1",
	},
	PayloadType: 111,
}

// VP8 is the video that is carried. pion compares the name's case, so it is spelled as browsers spell it.
var VP8 = webrtc.RTPCodecParameters{
	RTPCodecCapability: webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeVP8, ClockRate: 90000,
		RTCPFeedback: []webrtc.RTCPFeedback{{Type: "ccm", Parameter: "fir"}, {Type: "nack"}, {Type: "nack", Parameter: "pli"}},
	},
	PayloadType: 96,
}

// Options are what Listen needs to know.
type Options struct {
	Bind      net.IP
	Port      int
	Advertise []string // external or external/local addresses
	Lite      bool

	Disconnected, Failed, Keepalive time.Duration
}

// Net makes peer connections over one UDP port.
type Net struct {
	settings webrtc.SettingEngine
	mux      ice.UDPMux
	socket   *watchedSocket
}

// Listen opens the UDP port.
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

// natPairs turns plain addresses into external/local pairs. Without the local half pion gives every local address the
// same candidate, of which none connects. Loopback stays what it is, for a renderer on the same machine.
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

// routeTo is the local address that packets to a remote one leave from. Nothing is sent.
func routeTo(remote string) (net.IP, error) {
	conn, err := net.Dial("udp", net.JoinHostPort(remote, "9"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	return conn.LocalAddr().(*net.UDPAddr).IP, nil
}

// NewConnection makes a peer connection. Only a publisher's lost video packets are asked for again: ion-sfu answers for
// what is sent, and writes its sender reports.
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
