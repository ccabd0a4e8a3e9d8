// Package gateway wires all parts of the gateway together and runs them, from opening the ports to shutting down.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"syscall"
	"time"

	"flashback/sfu-gateway/config"
	"flashback/sfu-gateway/heartbeat"
	"flashback/sfu-gateway/httpapi"
	"flashback/sfu-gateway/metrics"
	"flashback/sfu-gateway/rtcnet"
	"flashback/sfu-gateway/session"
	"flashback/sfu-gateway/stream"
	"flashback/sfu-gateway/token"
)

const (
	answerTimeout = 2 * time.Second
	headerTimeout = 5 * time.Second
	bodyTimeout   = 10 * time.Second
	// shutdownTimeout is for calls that are being answered when everything closes.
	shutdownTimeout = time.Second
	// closeTimeout is for closing every peer. A connection that does not close must not keep a gateway alive that is useless.
	closeTimeout = 5 * time.Second
)

// Gateway is the whole gateway. Its ports are open from New on.
type Gateway struct {
	config     config.Config
	log        *slog.Logger
	net        *rtcnet.Net
	hub        *session.Hub
	listener   net.Listener
	server     *http.Server
	background *background
	parts      []part
}

// New opens the ports. An error is a sentence that says what to do, such as to set another port.
func New(c config.Config, log *slog.Logger) (*Gateway, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(c.Bind.String(), strconv.Itoa(c.Port)))
	if err != nil {
		return nil, explainPort(err, "SFU_PORT", c.Port)
	}
	rtc, err := rtcnet.Listen(rtcnet.Options{
		Bind: c.Bind, Port: c.UDPPort, Advertise: c.Advertise, Lite: c.ICE.Lite,
		Disconnected: c.ICE.DisconnectedSeconds.Duration(),
		Failed:       c.ICE.FailedSeconds.Duration(),
		Keepalive:    c.ICE.KeepaliveSeconds.Duration(),
	}, log)
	if err != nil {
		_ = listener.Close()
		return nil, explainPort(err, "SFU_UDP_PORT", c.UDPPort)
	}
	numbers := metrics.New()
	streams := stream.NewFactory(stream.Options{
		VideoHistory: c.Media.VideoHistoryPackets, Handover: c.Media.MicrophoneHandoverMS.Duration(), Now: time.Now,
	})
	hub := session.NewHub(rtc, streams, session.Options{
		PeersPerSession: c.Joins.PeersPerSession, Sessions: c.Joins.Sessions,
		ConnectTimeout: c.Joins.ConnectSeconds.Duration(), EmptyTimeout: c.Joins.EmptySessionSeconds.Duration(),
		KeyframeInterval: c.Media.KeyframeIntervalMS.Duration(), AnswerTimeout: answerTimeout,
	}, log, numbers)
	numbers.Watch(hub.Count, hub.Peers)
	work := &background{log: log}
	api := httpapi.New(hub, token.NewVerifier(c.TokenSecret, time.Now), numbers.Handler(), httpapi.Options{
		CORSOrigins: c.CORSOrigins, BodyBytes: c.HTTP.BodyBytes,
		RatePerSecond: c.HTTP.RatePerSecond, RateBurst: c.HTTP.RateBurst, Now: time.Now,
		Failed: work.failed,
	}, log)
	g := &Gateway{
		config: c, log: log, net: rtc, hub: hub, listener: listener, background: work,
		server: &http.Server{
			Handler: api, ReadHeaderTimeout: headerTimeout, ReadTimeout: bodyTimeout,
			ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		},
	}
	g.parts = []part{
		{"HTTP server", g.serveHTTP},
		{"UDP socket", rtc.Serve},
		{"heartbeat", g.heartbeat().Run},
	}
	return g, nil
}

// explainPort says what to do about a port that cannot be opened.
func explainPort(err error, key string, port int) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("port %d is in use by another program; stop it, or set %s or PORT_OFFSET to another one", port, key)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("SFU_BIND is not an address of this machine: %w", err)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("port %d needs more rights than this user has; set %s to one above 1023", port, key)
	default:
		return err
	}
}

// Address is the host:port at which HTTP calls are answered.
func (g *Gateway) Address() string { return g.listener.Addr().String() }

// Run serves until the context ends, then refuses joins for a moment, closes every peer and returns nil. If a part fails
// it does the same and returns a *Failure.
func (g *Gateway) Run(ctx context.Context) error {
	g.log.Info("ready", "http", g.Address(), "udp", g.config.UDPPort)
	err := g.background.run(ctx, g.parts, func() {
		g.drain()
		g.closePeers()
	})
	if closing := g.net.Close(); closing != nil {
		g.log.Debug("the UDP socket did not close cleanly", "reason", closing)
	}
	g.log.Info("stopped")
	return err
}

// serveHTTP answers calls until the context ends, and finishes those that are open then.
func (g *Gateway) serveHTTP(ctx context.Context) error {
	shut := make(chan struct{})
	context.AfterFunc(ctx, func() {
		defer close(shut)
		closing, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
		defer cancel()
		if err := g.server.Shutdown(closing); err != nil {
			_ = g.server.Close()
		}
	})
	err := g.server.Serve(g.listener)
	if errors.Is(err, http.ErrServerClosed) {
		<-shut
		return nil
	}
	return err
}

func (g *Gateway) heartbeat() heartbeat.Sender {
	host, err := os.Hostname()
	if err != nil {
		host = g.config.Bind.String()
	}
	return heartbeat.Sender{
		RedisURL: g.config.RedisURL,
		Instance: fmt.Sprintf("%s:%d", host, g.config.Port),
		Capacity: g.config.Joins.Sessions,
		Sessions: g.hub.Count,
		Interval: g.config.Heartbeat.Seconds.Duration(),
		Log:      g.log,
	}
}

// drain refuses joins, and gives whoever watches /readyz the time to send them elsewhere. Without a session it does not wait.
func (g *Gateway) drain() {
	g.hub.Drain()
	if g.hub.Count() > 0 {
		g.log.Info("shutting down: new joins are refused", "sessions", g.hub.Count())
		time.Sleep(g.config.HTTP.DrainSeconds.Duration())
	}
}

// closePeers ends all sessions, and waits at most closeTimeout for it.
func (g *Gateway) closePeers() {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		g.hub.CloseAll()
	}()
	select {
	case <-closed:
	case <-time.After(closeTimeout):
		g.log.Warn("some peers did not close in time", "sessions", g.hub.Count())
	}
}
