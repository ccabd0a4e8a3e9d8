package stream

import (
	"slices"
	"time"

	"github.com/pion/rtp"
)

// How long, and how many, packets wait for a packet that they overtook. A lost packet, sent again, comes later than that
// and is then passed on out of order.
const (
	reorderWait = 20 * time.Millisecond
	reorderHeld = 128 // a large keyframe
)

// reorderBuffer puts video packets back in the order they were sent in.
//
// Pion reads a multiplexed socket with one goroutine for each local address, so the packets of a burst overtake each
// other now and then. ion-sfu's DownTrack starts at the first packet of a keyframe and drops what came before it, so the
// keyframe would lack the packets that overtook its first one, and they could not be sent again.
type reorderBuffer struct {
	begun bool
	first uint32 // RTP time of the first picture
	next  uint16 // the sequence number that is due
	held  []held // by sequence number
}

type held struct {
	packet *rtp.Packet
	since  time.Time
}

// push takes a packet as it arrives and returns the packets that are due. The source's first picture is left out: its
// beginning may be missing, and a keyframe is asked for as soon as media arrives.
func (o *reorderBuffer) push(p *rtp.Packet, now time.Time) []*rtp.Packet {
	if !o.begun {
		o.begun, o.first, o.next = true, p.Timestamp, p.SequenceNumber
	}
	ahead := int16(p.SequenceNumber - o.next)
	if p.Timestamp == o.first {
		if ahead >= 0 {
			o.next = p.SequenceNumber + 1
		}
		return nil
	}
	if ahead < 0 {
		return []*rtp.Packet{p}
	}
	at, found := slices.BinarySearchFunc(o.held, p.SequenceNumber, func(h held, sn uint16) int {
		return int(int16(h.packet.SequenceNumber - sn))
	})
	if found {
		return nil
	}
	o.held = slices.Insert(o.held, at, held{p, now})
	var due []*rtp.Packet
	for len(o.held) > 0 {
		h := o.held[0]
		waited := len(o.held) > reorderHeld || slices.ContainsFunc(o.held, func(h held) bool {
			return now.Sub(h.since) > reorderWait
		})
		if h.packet.SequenceNumber != o.next && !waited {
			break
		}
		due, o.next = append(due, h.packet), h.packet.SequenceNumber+1
		o.held = o.held[1:]
	}
	return due
}
