// Package heartbeat says on Redis that this gateway is alive and how busy it is.
package heartbeat

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"
)

// channel is where all services announce themselves.
const channel = "flashback:services"

// Beat is one heartbeat, in the shape that services/common/messages.py defines.
type Beat struct {
	Type     string `json:"type"`
	Service  string `json:"service"`
	Instance string `json:"instance"`
	Sessions int    `json:"sessions"`
	Capacity int    `json:"capacity"`
	At       int64  `json:"at"` // ms since the epoch
}

// Sender publishes heartbeats. Redis may be away for as long as it likes.
type Sender struct {
	RedisURL string
	Instance string
	Capacity int
	Sessions func() int
	Interval time.Duration
	Log      *slog.Logger
}

// Run publishes until the context ends, and returns nil then. An error means that RedisURL is no address of Redis.
func (s Sender) Run(ctx context.Context) error {
	options, err := redis.ParseURL(s.RedisURL)
	if err != nil {
		return err
	}
	options.Protocol = 2 // PUBLISH is all that is needed: no handshake that an older server does not know
	options.DisableIdentity = true
	options.MaxRetries = -1 // the next beat is the retry
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout = time.Second, time.Second, time.Second
	options.DialerRetries = 1
	options.PoolSize = 1
	redis.SetLogger(quiet{s.Log})
	client := redis.NewClient(options)
	defer func() { _ = client.Close() }()
	ticker := time.NewTicker(s.Interval)
	defer ticker.Stop()
	for away := false; ; {
		err := s.beat(ctx, client)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !away:
			s.Log.Warn("redis is away; live sessions go on, trying again", "reason", err)
		case err == nil && away:
			s.Log.Info("redis is back")
		}
		away = err != nil
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (s Sender) beat(ctx context.Context, client *redis.Client) error {
	text, err := json.Marshal(Beat{
		Type: "heartbeat", Service: "sfu-gateway", Instance: s.Instance,
		Sessions: s.Sessions(), Capacity: s.Capacity, At: time.Now().UnixMilli(),
	})
	if err != nil {
		return err
	}
	return client.Publish(ctx, channel, text).Err()
}

// quiet keeps the client library's own complaints out of the way: Run says once what matters.
type quiet struct{ log *slog.Logger }

func (q quiet) Printf(_ context.Context, format string, args ...any) {
	q.log.Debug(fmt.Sprintf(format, args...))
}
