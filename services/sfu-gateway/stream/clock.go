package stream

import (
	"sync"
	"time"
)

// Clock places a sender's clock on this machine's, one for all the tracks that it sends: so they stay in sync however
// wrong its clock is.
type Clock struct {
	mu     sync.Mutex
	offset time.Duration
	set    bool
}

// Local is the time of this machine at which the sender's clock showed sent, for a report that arrived at arrived.
// The report that travelled fastest decides.
func (c *Clock) Local(sent, arrived time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if offset := arrived.Sub(sent); !c.set || offset < c.offset {
		c.offset, c.set = offset, true
	}
	return sent.Add(c.offset)
}

// ntpEpoch is where the time of sender reports starts.
var ntpEpoch = time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)

// FromNTP reads the 64-bit time of a sender report.
func FromNTP(ntp uint64) time.Time {
	fraction := time.Duration((ntp & 0xffffffff) * uint64(time.Second) >> 32)
	return ntpEpoch.Add(time.Duration(ntp>>32)*time.Second + fraction)
}

// ToNTP writes a time as sender reports have it.
func ToNTP(t time.Time) uint64 {
	since := uint64(t.Sub(ntpEpoch))
	seconds, rest := since/uint64(time.Second), since%uint64(time.Second)
	return seconds<<32 | rest<<32/uint64(time.Second)
}
