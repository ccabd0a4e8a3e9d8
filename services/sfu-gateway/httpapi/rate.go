package httpapi

import (
	"net"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// addressLimiter is a token bucket for each address.
type addressLimiter struct {
	rate  rate.Limit // calls a second
	burst int        // calls at once
	now   func() time.Time

	mu      sync.Mutex
	buckets map[string]*rate.Limiter
	swept   time.Time
}

func newAddressLimiter(perSecond float64, burst int, now func() time.Time) *addressLimiter {
	return &addressLimiter{
		rate: rate.Limit(perSecond), burst: burst, now: now, buckets: map[string]*rate.Limiter{}, swept: now(),
	}
}

// allow takes a token from the bucket of a remote address, which may carry a port. It returns false if the bucket is empty.
func (l *addressLimiter) allow(remote string) bool {
	if host, _, err := net.SplitHostPort(remote); err == nil {
		remote = host
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	l.sweep(now)
	bucket := l.buckets[remote]
	if bucket == nil {
		bucket = rate.NewLimiter(l.rate, l.burst)
		l.buckets[remote] = bucket
	}
	return bucket.AllowN(now, 1)
}

// sweep forgets the buckets that are full again, at most once in the time that an empty one takes to fill. Without it
// every address that ever called would be kept.
func (l *addressLimiter) sweep(now time.Time) {
	filling := time.Duration(float64(l.burst) / float64(l.rate) * float64(time.Second))
	if now.Sub(l.swept) < filling {
		return
	}
	l.swept = now
	for remote, bucket := range l.buckets {
		if bucket.TokensAt(now) >= float64(l.burst) {
			delete(l.buckets, remote)
		}
	}
}
