package httpapi

import (
	"fmt"
	"testing"
	"time"
)

// An address may make a burst of calls, then as many as the rate allows; others are not affected.
func TestAddressLimiter(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	l := newAddressLimiter(2, 3, func() time.Time { return now })
	calls := func(address string, n int) (allowed int) {
		for i := range n {
			if l.allow(fmt.Sprintf("%s:%d", address, 1000+i)) {
				allowed++
			}
		}
		return allowed
	}
	if got := calls("192.0.2.1", 10); got != 3 {
		t.Errorf("%d at once", got)
	}
	if got := calls("192.0.2.2", 1); got != 1 {
		t.Error("another address has to wait")
	}
	now = now.Add(time.Second)
	if got := calls("192.0.2.1", 10); got != 2 {
		t.Errorf("%d after a second", got)
	}
	now = now.Add(time.Hour)
	if got := calls("192.0.2.1", 10); got != 3 {
		t.Errorf("%d after an hour", got)
	}
	if len(l.buckets) != 1 {
		t.Errorf("%d addresses are remembered", len(l.buckets))
	}
}
