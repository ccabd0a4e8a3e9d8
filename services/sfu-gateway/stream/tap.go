package stream

import (
	"crypto/rand"
	"fmt"

	"github.com/go-logr/logr"
	"github.com/pion/ion-sfu/pkg/buffer"
	"github.com/pion/ion-sfu/pkg/sfu"
	"github.com/pion/rtcp"
	"github.com/pion/transport/packetio"
	"github.com/pion/webrtc/v3"
)

// retransmissions is how many sent packets a viewer may ask for again.
const retransmissions = 500

// Tap is a stream as one peer receives it: an ion-sfu DownTrack on that peer's connection.
type Tap struct {
	stream *Stream
	track  *sfu.DownTrack
	sender *webrtc.RTPSender
	inbox  *buffer.RTCPReader // the DownTrack's RTCP, after the filter
	ssrc   uint32
}

// downstream is the stream's receiver as one DownTrack sees it.
type downstream struct {
	sfu.Receiver
	stream  *Stream
	trackID string
}

// TrackID is unique, because DeleteDownTrack removes every DownTrack with that ID.
func (d *downstream) TrackID() string { return d.trackID }

// SendRTCP is called when the viewer cannot decode: ion-sfu sends nothing else up.
func (d *downstream) SendRTCP([]rtcp.Packet) { d.stream.RequestKeyframe() }

// GetSenderReportTime is what ion-sfu extrapolates its sender reports from; 0 for the RTP time means not known.
func (d *downstream) GetSenderReportTime(int) (uint32, uint64) {
	ts, at, known := d.stream.senderReport()
	if !known {
		return 0, 0
	}
	return max(ts, 1), ToNTP(at)
}

// NewTap adds the stream to a connection, before its offer is set. Nothing is sent until Open.
func (s *Stream) NewTap(pc *webrtc.PeerConnection, peer string, direction webrtc.RTPTransceiverDirection) (*Tap, error) {
	proxy := &downstream{Receiver: s.receiver, stream: s, trackID: s.kind() + "-" + rand.Text()[:8]}
	// Private: the DownTrack finds its RTCP here, and only what the filter lets through gets in. Without a logger of its
	// own: a given one would be stored in a global, unguarded.
	factory := buffer.NewBufferFactory(1, logr.Logger{})
	track, err := sfu.NewDownTrack(s.Codec.RTPCodecCapability, proxy, factory, peer, retransmissions)
	if err != nil {
		return nil, err
	}
	transceiver, err := pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: direction})
	if err != nil {
		return nil, err
	}
	track.SetTransceiver(transceiver)
	sender := transceiver.Sender()
	ssrc := uint32(sender.GetParameters().Encodings[0].SSRC)
	inbox, ok := factory.GetOrNew(packetio.RTCPBufferPacket, ssrc).(*buffer.RTCPReader)
	if !ok {
		return nil, fmt.Errorf("ion-sfu has no RTCP reader for %d", ssrc)
	}
	return &Tap{stream: s, track: track, sender: sender, inbox: inbox, ssrc: ssrc}, nil
}

// Open lets packets flow, video from the next keyframe on, which it asks for. Call it once connected: a keyframe sent
// earlier would be lost.
func (t *Tap) Open() {
	t.stream.receiver.AddDownTrack(t.track, false)
	t.stream.RequestKeyframe()
}

// Close stops the flow.
func (t *Tap) Close() { t.stream.receiver.DeleteDownTrack(0, t.track.ID()) }

// Listen passes the peer's feedback on until its connection closes.
func (t *Tap) Listen() {
	b := make([]byte, 8192)
	for {
		n, _, err := t.sender.Read(b)
		if err != nil {
			return
		}
		packets, err := rtcp.Unmarshal(b[:n])
		if err != nil {
			continue
		}
		if feedback, err := rtcp.Marshal(t.filter(packets)); err == nil && len(feedback) > 0 {
			_, _ = t.inbox.Write(feedback)
		}
	}
}

// filter keeps what a DownTrack acts upon. Audio has no history: a request for lost audio would crash it.
func (t *Tap) filter(packets []rtcp.Packet) []rtcp.Packet {
	if t.track.Kind() != webrtc.RTPCodecTypeVideo {
		return nil
	}
	var kept []rtcp.Packet
	for _, packet := range packets {
		switch p := packet.(type) {
		case *rtcp.TransportLayerNack:
			if p.MediaSSRC == t.ssrc {
				kept = append(kept, p)
			}
		case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
			kept = append(kept, p)
		}
	}
	return kept
}

// Report is the sender report by which the peer keeps the tracks of a group in sync; nil: not known yet.
func (t *Tap) Report() []rtcp.Packet {
	report := t.track.CreateSenderReport()
	if report == nil {
		return nil
	}
	// One chunk: ion-sfu would add a second one of the same source for its mid, and some receivers (aiortc) misread the
	// padding between two and drop the report with them.
	name := rtcp.SourceDescriptionItem{Type: rtcp.SDESCNAME, Text: t.track.StreamID()}
	chunk := rtcp.SourceDescriptionChunk{Source: report.SSRC, Items: []rtcp.SourceDescriptionItem{name}}
	return []rtcp.Packet{report, &rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{chunk}}}
}
