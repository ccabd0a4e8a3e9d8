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

// retransmissions is how many of the packets sent last a receiver may ask for again.
const retransmissions = 500

// DownTrack sends a stream to one peer: an ion-sfu DownTrack on that peer's connection, with its RTCP filtered.
type DownTrack struct {
	stream   *Stream
	track    *sfu.DownTrack
	sender   *webrtc.RTPSender
	feedback *buffer.RTCPReader // where ion-sfu's DownTrack reads its RTCP
	ssrc     uint32
}

// sharedReceiver is the stream's receiver with what differs for each DownTrack.
type sharedReceiver struct {
	sfu.Receiver
	stream  *Stream
	trackID string
}

// TrackID is unique, because DeleteDownTrack removes every DownTrack of that ID.
func (d *sharedReceiver) TrackID() string { return d.trackID }

// SendRTCP passes a PLI on as a request for a keyframe: ion-sfu sends nothing else to the source.
func (d *sharedReceiver) SendRTCP([]rtcp.Packet) { d.stream.RequestKeyframe() }

// GetSenderReportTime returns the RTP and NTP time that ion-sfu extrapolates its sender reports from; an RTP time of 0 means
// that they are not known.
func (d *sharedReceiver) GetSenderReportTime(int) (uint32, uint64) {
	ts, at, known := d.stream.senderReport()
	if !known {
		return 0, 0
	}
	return max(ts, 1), ToNTP(at)
}

// NewDownTrack adds the stream to a connection, before its offer is set. Nothing is sent until Start.
func (s *Stream) NewDownTrack(pc *webrtc.PeerConnection, peer string, direction webrtc.RTPTransceiverDirection) (*DownTrack, error) {
	proxy := &sharedReceiver{Receiver: s.receiver, stream: s, trackID: s.kind() + "-" + rand.Text()[:8]}
	// The DownTrack finds its RTCP in a factory of its own, so that only what the filter lets through gets in. The factory
	// has no logger: it would store it in an unguarded global.
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
	feedback, ok := factory.GetOrNew(packetio.RTCPBufferPacket, ssrc).(*buffer.RTCPReader)
	if !ok {
		return nil, fmt.Errorf("ion-sfu has no RTCP reader for %d", ssrc)
	}
	return &DownTrack{stream: s, track: track, sender: sender, feedback: feedback, ssrc: ssrc}, nil
}

// Start lets packets flow, video from the next keyframe on, which it asks for. Call it when the connection stands: a
// keyframe sent earlier would be lost.
func (t *DownTrack) Start() {
	t.stream.receiver.AddDownTrack(t.track, false)
	t.stream.RequestKeyframe()
}

// Close stops the flow.
func (t *DownTrack) Close() { t.stream.receiver.DeleteDownTrack(0, t.track.ID()) }

// ReadFeedback passes the peer's RTCP feedback on until its connection closes.
func (t *DownTrack) ReadFeedback() {
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
			_, _ = t.feedback.Write(feedback)
		}
	}
}

// filter keeps what ion-sfu's DownTrack acts upon: NACK, PLI and FIR of video. Audio has no history: a NACK would crash it.
func (t *DownTrack) filter(packets []rtcp.Packet) []rtcp.Packet {
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

// SenderReport is what the peer keeps the tracks of a group in sync by; nil while it is not known.
func (t *DownTrack) SenderReport() []rtcp.Packet {
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
