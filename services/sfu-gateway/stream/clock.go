package stream

import (
	"sync"
	"time"
)

// Clock translates the time of a sender's clock to this machine's. All tracks of a sender share one Clock, so they stay in
// sync however wrong the sender's clock is.
type Clock struct {
	mu     sync.Mutex
	offset time.Duration
	set    bool
}

// Local returns the time of this machine at which the sender's clock showed sent, as told by a report that arrived at the
// time arrived. The offset is that of the report that travelled fastest so far.
func (c *Clock) Local(sent, arrived time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if offset := arrived.Sub(sent); !c.set || offset < c.offset {
		c.offset, c.set = offset, true
	}
	return sent.Add(c.offset)
}

// ntpEpoch is the zero of NTP time (RFC 5905), which sender reports carry.
var ntpEpoch = time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)

// FromNTP converts the 64-bit NTP time of a sender report: seconds since 1900, with 32 bits of fraction.
func FromNTP(ntp uint64) time.Time {
	fraction := time.Duration((ntp & 0xffffffff) * uint64(time.Second) >> 32)
	return ntpEpoch.Add(time.Duration(ntp>>32)*time.Second + fraction)
}

// ToNTP converts to the 64-bit NTP time of a sender report.
func ToNTP(t time.Time) uint64 {
	since := uint64(t.Sub(ntpEpoch))
	seconds, rest := since/uint64(time.Second), since%uint64(time.Second)
	return seconds<<32 | rest<<32/uint64(time.Second)
}
