package stream

import (
	"slices"
	"time"

	"github.com/pion/rtp"
)

// How long, and how many, packets wait for one that they overtook. One that is really lost comes later than that, if at
// all, and is then passed on out of order.
const (
	orderWait = 20 * time.Millisecond
	orderHeld = 128 // a large keyframe
)

// order puts video packets back in the order they were sent in.
//
// Pion reads a multiplexed socket with one goroutine for each local address, so the packets of a burst overtake each
// other now and then. A DownTrack that waits for a keyframe starts at its first packet and forgets what came before: the
// keyframe would lack the packets that overtook it, and nobody could send them again.
type order struct {
	begun bool
	first uint32 // the time of the first picture: its beginning may have been overtaken before anything was known
	next  uint16
	held  []held // by sequence number
}

type held struct {
	packet *rtp.Packet
	since  time.Time
}

// push takes a packet as it arrives and returns those whose turn it is. The source's first picture is left out: it may
// not be whole, and a keyframe is asked for as soon as media arrives.
func (o *order) push(p *rtp.Packet, now time.Time) []*rtp.Packet {
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
		waited := len(o.held) > orderHeld || slices.ContainsFunc(o.held, func(h held) bool {
			return now.Sub(h.since) > orderWait
		})
		if h.packet.SequenceNumber != o.next && !waited {
			break
		}
		due, o.next = append(due, h.packet), h.packet.SequenceNumber+1
		o.held = o.held[1:]
	}
	return due
}
