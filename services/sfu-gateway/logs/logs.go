// Package logs makes the gateway's logger: readable in a terminal, JSON in production.
package logs

import (
	"io"
	"log/slog"
)

// New returns a logger for lines of at least this level: debug, info, warning or error. The format is json, with the
// service's name in every line, or console.
func New(w io.Writer, level, format string) *slog.Logger {
	options := &slog.HandlerOptions{Level: map[string]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo, "warning": slog.LevelWarn, "error": slog.LevelError,
	}[level]}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, options)).With("service", "sfu-gateway")
	}
	options.ReplaceAttr = func(groups []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey && len(groups) == 0 {
			return slog.String(slog.TimeKey, a.Value.Time().Format("15:04:05"))
		}
		return a
	}
	return slog.New(slog.NewTextHandler(w, options))
}
