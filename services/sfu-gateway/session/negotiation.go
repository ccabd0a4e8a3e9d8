package session

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pion/webrtc/v3"

	"flashback/sfu-gateway/offer"
	"flashback/sfu-gateway/stream"
	"flashback/sfu-gateway/token"
)

var errNotReady = errors.New("the connection was not ready for an answer in time")

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
