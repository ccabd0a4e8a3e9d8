package httpapi

import (
	"net"
	"sync"
	"time"
)

// limiter is a token bucket for each address.
type limiter struct {
	perSecond, burst float64
	now              func() time.Time

	mu      sync.Mutex
	buckets map[string]bucket
	swept   time.Time
}

type bucket struct {
	tokens float64
	at     time.Time
}

func newLimiter(perSecond, burst float64, now func() time.Time) *limiter {
	return &limiter{perSecond: perSecond, burst: burst, now: now, buckets: map[string]bucket{}, swept: now()}
}

// allow takes a token from the bucket of a remote address, which may carry a port.
func (l *limiter) allow(remote string) bool {
	if host, _, err := net.SplitHostPort(remote); err == nil {
		remote = host
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	l.sweep(now)
	b, known := l.buckets[remote]
	if !known {
		b = bucket{tokens: l.burst, at: now}
	}
	b.tokens = min(l.burst, b.tokens+l.perSecond*now.Sub(b.at).Seconds())
	b.at = now
	allowed := b.tokens >= 1
	if allowed {
		b.tokens--
	}
	l.buckets[remote] = b
	return allowed
}

// sweep forgets buckets that are full again, once in a while.
func (l *limiter) sweep(now time.Time) {
	full := time.Duration(l.burst / l.perSecond * float64(time.Second))
	if now.Sub(l.swept) < full {
		return
	}
	l.swept = now
	for remote, b := range l.buckets {
		if now.Sub(b.at) >= full {
			delete(l.buckets, remote)
		}
	}
}
