// Package heartbeat announces on Redis that this gateway is alive and how busy it is.
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

// Heartbeat is the message, as services/common/messages.py defines it.
type Heartbeat struct {
	Type     string `json:"type"`
	Service  string `json:"service"`
	Instance string `json:"instance"`
	Sessions int    `json:"sessions"`
	Capacity int    `json:"capacity"`
	At       int64  `json:"at"` // ms since the epoch
}

// Sender publishes heartbeats. While Redis is away it goes on trying.
type Sender struct {
	RedisURL string
	Instance string     // host:port
	Capacity int        // sessions at most
	Sessions func() int // now
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
	redis.SetLogger(debugLogger{s.Log})
	client := redis.NewClient(options)
	defer func() { _ = client.Close() }()
	ticker := time.NewTicker(s.Interval)
	defer ticker.Stop()
	for away := false; ; {
		err := s.publish(ctx, client)
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

func (s Sender) publish(ctx context.Context, client *redis.Client) error {
	text, err := json.Marshal(Heartbeat{
		Type: "heartbeat", Service: "sfu-gateway", Instance: s.Instance,
		Sessions: s.Sessions(), Capacity: s.Capacity, At: time.Now().UnixMilli(),
	})
	if err != nil {
		return err
	}
	return client.Publish(ctx, channel, text).Err()
}

// debugLogger takes the messages of the Redis client. Run logs once what matters of them.
type debugLogger struct{ log *slog.Logger }

func (q debugLogger) Printf(_ context.Context, format string, args ...any) {
	q.log.Debug(fmt.Sprintf(format, args...))
}
