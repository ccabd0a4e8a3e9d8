package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v3"

	"flashback/sfu-gateway/offer"
	"flashback/sfu-gateway/stream"
	"flashback/sfu-gateway/token"
)

var errNotReady = errors.New("the connection was not ready for an answer in time")

// Sender reports are frequent at first, so that a browser finds its audio and video in sync at once.
const (
	firstReports        = 20
	firstReportInterval = 100 * time.Millisecond
	reportInterval      = time.Second
)

// route is which streams a role feeds and which it receives. Nothing else flows: viewers never hear each other, and
// only asr hears the microphone, beside it as its reference what the avatar says.
type route struct {
	up, down  map[offer.Kind]*stream.Stream
	reference *stream.Stream
}

func (s *Session) route(role token.Role) route {
	avatar := map[offer.Kind]*stream.Stream{offer.Audio: s.avatarAudio, offer.Video: s.avatarVideo}
	microphone := map[offer.Kind]*stream.Stream{offer.Audio: s.microphone}
	switch role {
	case token.Renderer:
		return route{up: avatar}
	case token.Viewer:
		return route{down: avatar}
	case token.ASR:
		return route{down: microphone, reference: s.avatarAudio}
	case token.Talker:
		return route{up: microphone, down: avatar}
	default:
		return route{}
	}
}

// policy is what a role may send and receive, whatever the session.
func policy(role token.Role) offer.Policy {
	r := new(Session).route(role)
	p := offer.Policy{Up: map[offer.Kind]bool{}, Down: map[offer.Kind]bool{}, Reference: role == token.ASR}
	for kind := range r.up {
		p.Up[kind] = true
	}
	for kind := range r.down {
		p.Down[kind] = true
	}
	return p
}

// Peer is one connection: a renderer, a viewer, a talker or asr.
type Peer struct {
	ID   string
	Role token.Role

	hub     *Hub
	session *Session
	log     *slog.Logger
	started time.Time
	alive   context.Context // until Close
	end     context.CancelFunc
	clock   stream.Clock // of the machine that sends

	mu        sync.Mutex
	pc        *webrtc.PeerConnection
	deadline  *time.Timer
	taps      []*stream.Tap
	sources   []*stream.Source
	connected bool
	closed    bool
	listening sync.WaitGroup
	gone      chan struct{} // closed at the end of Close
}

func newPeer(h *Hub, s *Session, id string, role token.Role) *Peer {
	alive, end := context.WithCancel(context.Background())
	return &Peer{
		ID: id, Role: role, hub: h, session: s, started: time.Now(), alive: alive, end: end,
		gone: make(chan struct{}),
		log:  h.log.With("session", s.ID, "peer", id, "role", string(role)),
	}
}

// negotiate answers the offer. Errors of package offer say what is wrong with it.
func (p *Peer) negotiate(plan offer.Plan) (string, error) {
	streams := p.session.route(p.Role)
	pc, err := p.hub.net.NewConnection(p.Role == token.Renderer)
	if err != nil {
		return "", fmt.Errorf("a peer connection could not be made: %w", err)
	}
	if !p.adopt(pc) {
		_ = pc.Close()
		return "", ErrClosed
	}
	pc.OnDataChannel(func(channel *webrtc.DataChannel) {
		channel.OnOpen(func() { _ = channel.Close() }) // nothing here uses them
	})
	pc.OnConnectionStateChange(p.onState)
	checking := make(chan struct{})
	started := sync.OnceFunc(func() { close(checking) })
	pc.OnICEConnectionStateChange(func(webrtc.ICEConnectionState) { started() })
	pc.OnTrack(func(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
		if into := streams.up[offer.Kind(track.Kind().String())]; into != nil {
			p.ingest(track, receiver, into)
		}
	})
	for _, kind := range offer.Kinds {
		direction, wanted := plan.Down[kind]
		if !wanted {
			continue
		}
		if err := p.tap(pc, streams.down[kind], direction); err != nil {
			return "", err
		}
	}
	if plan.Reference { // the last one: pion gives the sections of one kind to the tracks in their order
		if err := p.tap(pc, streams.reference, offer.SendOnly); err != nil {
			return "", err
		}
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: plan.SDP}); err != nil {
		return "", offer.MalformedError{Reason: fmt.Sprintf("the offer cannot be used: %v", err)}
	}
	answer, err := pc.CreateAnswer(nil)
	if err != nil {
		return "", offer.MalformedError{Reason: fmt.Sprintf("the offer cannot be answered: %v", err)}
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(answer); err != nil {
		return "", offer.MalformedError{Reason: fmt.Sprintf("the offer cannot be answered: %v", err)}
	}
	// The answer waits for its candidates, and for the checks to have begun: a peer that connects before pion has noticed
	// that they did, as happens on loopback, never gets its DTLS handshake.
	timeout := time.After(p.hub.options.Answer)
	for _, ready := range []<-chan struct{}{gathered, checking} {
		select {
		case <-ready:
		case <-timeout:
			return "", errNotReady
		case <-p.alive.Done():
			return "", ErrClosed
		}
	}
	return pc.LocalDescription().SDP, nil
}

// tap adds a stream that goes down.
func (p *Peer) tap(pc *webrtc.PeerConnection, from *stream.Stream, direction offer.Direction) error {
	tap, err := from.NewTap(pc, p.ID, transceiverDirections[direction])
	if err != nil {
		return fmt.Errorf("a track could not be added: %w", err)
	}
	p.mu.Lock()
	p.taps = append(p.taps, tap)
	p.mu.Unlock()
	return nil
}

// adopt takes the connection, which must stand before the deadline; false: the peer was closed meanwhile.
func (p *Peer) adopt(pc *webrtc.PeerConnection) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.pc = pc
	p.deadline = time.AfterFunc(p.hub.options.Connect, p.expire)
	return true
}

var transceiverDirections = map[offer.Direction]webrtc.RTPTransceiverDirection{
	offer.SendOnly: webrtc.RTPTransceiverDirectionSendonly,
	offer.SendRecv: webrtc.RTPTransceiverDirectionSendrecv,
}

// expire closes a peer that never connected.
func (p *Peer) expire() {
	p.mu.Lock()
	waiting := !p.connected && !p.closed
	p.mu.Unlock()
	if waiting {
		p.Close("it did not connect in time")
	}
}

func (p *Peer) onState(state webrtc.PeerConnectionState) {
	p.log.Debug("connection", "state", state.String())
	switch state {
	case webrtc.PeerConnectionStateConnected:
		p.open()
	case webrtc.PeerConnectionStateFailed:
		p.Close("connection lost")
	case webrtc.PeerConnectionStateClosed:
		p.Close("connection closed")
	}
}

// open starts the flow once, when the connection stands: what is sent earlier is lost, keyframes with it.
func (p *Peer) open() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.connected {
		return
	}
	p.connected = true
	p.deadline.Stop()
	for _, tap := range p.taps {
		p.listening.Go(tap.Listen)
		tap.Open()
	}
	if len(p.taps) > 0 {
		go p.report(p.pc, p.taps)
	}
	took := time.Since(p.started)
	p.hub.metrics.ConnectSeconds.WithLabelValues(string(p.Role)).Observe(took.Seconds())
	p.log.Info("peer connected", "ms", took.Milliseconds())
}

// report sends sender reports until the peer is closed.
func (p *Peer) report(pc *webrtc.PeerConnection, taps []*stream.Tap) {
	ticker := time.NewTicker(firstReportInterval)
	defer ticker.Stop()
	for sent := 0; ; sent++ {
		if sent == firstReports {
			ticker.Reset(reportInterval)
		}
		var packets []rtcp.Packet
		for _, tap := range taps {
			packets = append(packets, tap.Report()...)
		}
		if len(packets) > 0 {
			if err := pc.WriteRTCP(packets); err != nil {
				p.log.Debug("a sender report was not sent", "reason", err)
			}
		}
		select {
		case <-ticker.C:
		case <-p.alive.Done():
			return
		}
	}
}

// Close ends the connection and frees the place. Nothing of the peer touches the session's streams afterwards.
func (p *Peer) Close(why string) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		<-p.gone
		return
	}
	p.closed = true
	if p.deadline != nil {
		p.deadline.Stop()
	}
	pc, taps, sources := p.pc, p.taps, p.sources
	p.mu.Unlock()
	p.end()
	for _, tap := range taps {
		tap.Close()
	}
	for _, source := range sources {
		source.Release()
	}
	if pc != nil {
		if err := pc.Close(); err != nil {
			p.log.Debug("the connection did not close cleanly", "reason", err)
		}
	}
	p.listening.Wait()
	p.hub.leave(p)
	close(p.gone)
	p.log.Info("peer left", "reason", why)
}
