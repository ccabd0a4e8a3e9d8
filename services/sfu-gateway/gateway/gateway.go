// Package gateway runs all parts of the gateway together, from its ports to its shutdown.
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
	"sync"
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
)

// Gateway has its ports open from New on.
type Gateway struct {
	config   config.Config
	log      *slog.Logger
	net      *rtcnet.Net
	hub      *session.Hub
	listener net.Listener
	server   *http.Server
}

// New opens the ports. An error is a sentence that says what to do.
func New(c config.Config, log *slog.Logger) (*Gateway, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(c.Bind.String(), strconv.Itoa(c.Port)))
	if err != nil {
		return nil, explain(err, "SFU_PORT", c.Port)
	}
	rtc, err := rtcnet.Listen(rtcnet.Options{
		Bind: c.Bind, Port: c.UDPPort, Advertise: c.Advertise, Lite: c.ICE.Lite,
		Disconnected: c.ICE.DisconnectedSeconds.Duration(),
		Failed:       c.ICE.FailedSeconds.Duration(),
		Keepalive:    c.ICE.KeepaliveSeconds.Duration(),
	}, log)
	if err != nil {
		_ = listener.Close()
		return nil, explain(err, "SFU_UDP_PORT", c.UDPPort)
	}
	numbers := metrics.New()
	streams := stream.NewFactory(stream.Options{
		VideoHistory: c.Media.VideoHistoryPackets, Handover: c.Media.MicrophoneHandoverMS.Duration(), Now: time.Now,
	})
	hub := session.NewHub(rtc, streams, session.Options{
		PeersPerSession: c.Joins.PeersPerSession, Sessions: c.Joins.Sessions,
		Connect: c.Joins.ConnectSeconds.Duration(), Empty: c.Joins.EmptySessionSeconds.Duration(),
		KeyframeInterval: c.Media.KeyframeIntervalMS.Duration(), Answer: answerTimeout,
	}, log, numbers)
	numbers.Watch(hub.Count, hub.Peers)
	api := httpapi.New(hub, token.NewVerifier(c.TokenSecret, time.Now), numbers.Handler(), httpapi.Options{
		CORSOrigins: c.CORSOrigins, BodyBytes: c.HTTP.BodyBytes,
		RatePerSecond: c.HTTP.RatePerSecond, RateBurst: c.HTTP.RateBurst, Now: time.Now,
	}, log)
	return &Gateway{
		config: c, log: log, net: rtc, hub: hub, listener: listener,
		server: &http.Server{
			Handler: api, ReadHeaderTimeout: headerTimeout, ReadTimeout: bodyTimeout,
			ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		},
	}, nil
}

// explain says what to do about a port that cannot be opened.
func explain(err error, key string, port int) error {
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

// Address is where signalling is answered.
func (g *Gateway) Address() string { return g.listener.Addr().String() }

// Run serves until the context ends, then refuses joins for a moment, closes every peer and returns.
func (g *Gateway) Run(ctx context.Context) error {
	failed := make(chan error, 2)
	beating, stopBeating := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := g.sender().Run(beating, g.config.RedisURL); err != nil {
			failed <- err
		}
	})
	running.Go(func() {
		if err := g.server.Serve(g.listener); !errors.Is(err, http.ErrServerClosed) {
			failed <- err
		}
	})
	g.log.Info("ready", "http", g.Address(), "udp", g.config.UDPPort)
	var err error
	select {
	case err = <-failed:
	case <-ctx.Done():
		g.drain()
	}
	g.hub.Drain()
	g.hub.CloseAll()
	stopBeating()
	closing, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	if shutting := g.server.Shutdown(closing); shutting != nil {
		_ = g.server.Close()
	}
	running.Wait()
	if closing := g.net.Close(); closing != nil {
		g.log.Debug("the UDP socket did not close cleanly", "reason", closing)
	}
	g.log.Info("stopped")
	return err
}

func (g *Gateway) sender() heartbeat.Sender {
	host, err := os.Hostname()
	if err != nil {
		host = g.config.Bind.String()
	}
	return heartbeat.Sender{
		Instance: fmt.Sprintf("%s:%d", host, g.config.Port),
		Capacity: g.config.Joins.Sessions,
		Sessions: g.hub.Count,
		Interval: g.config.Heartbeat.Seconds.Duration(),
		Log:      g.log,
	}
}

// drain gives whoever watches /readyz the time to send new joins elsewhere; without a session there is nothing to wait for.
func (g *Gateway) drain() {
	g.hub.Drain()
	if g.hub.Count() > 0 {
		g.log.Info("shutting down: new joins are refused", "sessions", g.hub.Count())
		time.Sleep(g.config.HTTP.DrainSeconds.Duration())
	}
}
