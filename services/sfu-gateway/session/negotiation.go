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

// negotiate returns the SDP answer to an offer. Errors of package offer say what is wrong with it; ErrClosed means that the
// peer was closed meanwhile, errNotReady that the answer took longer than AnswerTimeout.
func (p *Peer) negotiate(plan offer.Plan) (string, error) {
	streams := p.session.route(p.Role)
	pc, err := p.hub.net.NewConnection(p.Role == token.Renderer)
	if err != nil {
		return "", fmt.Errorf("a peer connection could not be made: %w", err)
	}
	if !p.setConnection(pc) {
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
		if err := p.addDownTrack(pc, streams.down[kind], direction); err != nil {
			return "", err
		}
	}
	if plan.Reference { // added last: pion gives the media sections of one kind to the tracks in their order
		if err := p.addDownTrack(pc, streams.reference, offer.SendOnly); err != nil {
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
	// The answer waits for its candidates, and for the connectivity checks to have begun: if a peer connects before pion has
	// noticed that they did, as happens on loopback, its DTLS handshake never starts.
	timeout := time.After(p.hub.options.AnswerTimeout)
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

// addDownTrack adds a stream that the peer receives.
func (p *Peer) addDownTrack(pc *webrtc.PeerConnection, from *stream.Stream, direction offer.Direction) error {
	track, err := from.NewDownTrack(pc, p.ID, transceiverDirections[direction])
	if err != nil {
		return fmt.Errorf("a track could not be added: %w", err)
	}
	p.mu.Lock()
	p.downTracks = append(p.downTracks, track)
	p.mu.Unlock()
	return nil
}

// setConnection takes the connection and starts ConnectTimeout. It returns false if the peer was closed meanwhile.
func (p *Peer) setConnection(pc *webrtc.PeerConnection) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.pc = pc
	p.deadline = time.AfterFunc(p.hub.options.ConnectTimeout, p.expire)
	return true
}

var transceiverDirections = map[offer.Direction]webrtc.RTPTransceiverDirection{
	offer.SendOnly: webrtc.RTPTransceiverDirectionSendonly,
	offer.SendRecv: webrtc.RTPTransceiverDirectionSendrecv,
}
