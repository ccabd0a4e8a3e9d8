// Package heartbeat announces on Redis that this gateway is alive and how busy it is.
package heartbeat

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/gomodule/redigo/redis"
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

// Run publishes until the context ends, and returns nil then.
func (s Sender) Run(ctx context.Context) error {
	ticker := time.NewTicker(s.Interval)
	defer ticker.Stop()
	for away := false; ; {
		err := s.publish(ctx)
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

// publish connects anew each time: then there is no connection that could have died unseen since the last heartbeat.
func (s Sender) publish(ctx context.Context) error {
	text, err := json.Marshal(Heartbeat{
		Type: "heartbeat", Service: "sfu-gateway", Instance: s.Instance,
		Sessions: s.Sessions(), Capacity: s.Capacity, At: time.Now().UnixMilli(),
	})
	if err != nil {
		return err
	}
	connection, err := redis.DialURLContext(ctx, s.RedisURL,
		redis.DialConnectTimeout(time.Second), redis.DialReadTimeout(time.Second), redis.DialWriteTimeout(time.Second))
	if err != nil {
		return err
	}
	defer func() { _ = connection.Close() }()
	_, err = redis.DoContext(connection, ctx, "PUBLISH", channel, text)
	return err
}
