package session

import (
	"errors"
	"io"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v3"

	"flashback/sfu-gateway/stream"
)

// maxBadPackets in a row mean that a track cannot be read any more.
const maxBadPackets = 100

// ingest feeds a peer's track into a stream until the track ends.
func (p *Peer) ingest(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver, into *stream.Stream) {
	var ask func()
	if track.Kind() == webrtc.RTPCodecTypeVideo {
		wanted := make(chan struct{}, 1)
		ask = func() {
			select {
			case wanted <- struct{}{}:
			default: // a request is waiting already
			}
		}
		go p.askForKeyframes(wanted, uint32(track.SSRC()))
	}
	source := into.NewSource(ask)
	p.mu.Lock()
	closed := p.closed
	p.sources = append(p.sources, source)
	p.mu.Unlock()
	defer source.Release()
	if closed {
		return
	}
	go p.readReports(receiver, source, uint32(track.SSRC()))
	p.log.Info("media arrives", "kind", track.Kind().String())
	if ask != nil {
		ask() // viewers that waited for a renderer see it at once
	}
	packets := p.hub.metrics.Packets.WithLabelValues(string(p.Role), track.Kind().String())
	bytes := p.hub.metrics.Bytes.WithLabelValues(string(p.Role), track.Kind().String())
	for bad := 0; bad < maxBadPackets; {
		packet, _, err := track.ReadRTP()
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrClosedPipe), p.alive.Err() != nil:
			return
		case err != nil:
			bad++
			continue
		}
		bad = 0
		if source.Write(packet) {
			packets.Inc()
			bytes.Add(float64(len(packet.Payload)))
		}
	}
	p.log.Warn("the track cannot be read any more", "kind", track.Kind().String())
}

// askForKeyframes sends a PLI for what is wanted, with KeyframeInterval or more between two: several requests within that time
// become one, and none is lost.
func (p *Peer) askForKeyframes(wanted <-chan struct{}, ssrc uint32) {
	for {
		select {
		case <-wanted:
		case <-p.alive.Done():
			return
		}
		if err := p.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: ssrc}}); err != nil {
			p.log.Debug("a keyframe request was not sent", "reason", err)
		}
		p.hub.metrics.KeyframeRequests.Inc()
		select {
		case <-time.After(p.hub.options.KeyframeInterval):
		case <-p.alive.Done():
			return
		}
	}
}
