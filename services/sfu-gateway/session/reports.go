package session

import (
	"errors"
	"io"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v3"

	"flashback/sfu-gateway/stream"
)

// Sender reports are frequent at first, so that a browser finds its audio and video in sync at once.
const (
	firstReports        = 20
	firstReportInterval = 100 * time.Millisecond
	reportInterval      = time.Second
)

// sendReports sends sender reports until the peer is closed.
func (p *Peer) sendReports(pc *webrtc.PeerConnection, downTracks []*stream.DownTrack) {
	ticker := time.NewTicker(firstReportInterval)
	defer ticker.Stop()
	for sent := 0; ; sent++ {
		if sent == firstReports {
			ticker.Reset(reportInterval)
		}
		var packets []rtcp.Packet
		for _, track := range downTracks {
			packets = append(packets, track.SenderReport()...)
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

// readReports takes the sender reports of a source, by which its stream stays in sync with the source's other track. The
// reports of several tracks may come in one packet, which pion then returns for each of these tracks.
func (p *Peer) readReports(receiver *webrtc.RTPReceiver, source *stream.Source, ssrc uint32) {
	for bad := 0; bad < maxBadPackets; {
		packets, _, err := receiver.ReadRTCP()
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrClosedPipe), p.alive.Err() != nil:
			return
		case err != nil:
			bad++
			continue
		}
		bad = 0
		for _, packet := range packets {
			if report, ok := packet.(*rtcp.SenderReport); ok && report.SSRC == ssrc {
				source.Report(report.RTPTime, p.clock.Local(stream.FromNTP(report.NTPTime), time.Now()))
			}
		}
	}
	p.log.Warn("the sender reports cannot be read any more: audio and video may drift apart")
}
