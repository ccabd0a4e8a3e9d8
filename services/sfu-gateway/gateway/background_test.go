package gateway

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"flashback/sfu-gateway/config"
)

// Every part that fails, or returns although nobody stopped it, is logged with its name, fails readiness with it at once,
// refuses joins and ends the gateway with a Failure.
func TestEveryPartThatFailsEndsTheGateway(t *testing.T) {
	broken := errors.New("it is broken")
	for i, part := range open(t, slog.New(slog.DiscardHandler), nil).parts {
		for name, reason := range map[string]error{"fails": broken, "returns": nil} {
			t.Run(rename(part.name+" "+name), func(t *testing.T) {
				log := new(bytes.Buffer)
				g := open(t, slog.New(slog.NewJSONHandler(log, nil)), func(c *config.Config) { c.HTTP.DrainSeconds = 0.5 })
				fail := make(chan struct{})
				run := g.parts[i].run
				g.parts[i].run = func(ctx context.Context) error {
					running, stop := context.WithCancel(ctx)
					stopped := make(chan error)
					go func() { stopped <- run(running) }()
					select {
					case <-fail:
						stop()
						<-stopped
						return reason
					case <-ctx.Done():
						stop()
						return <-stopped
					}
				}
				g.run()
				g.viewing(t, "s1") // so that there is somebody to wait for
				if status, _ := g.readiness(); status != http.StatusOK {
					t.Errorf("not ready before: %d", status)
				}
				close(fail)
				eventually(t, "readiness fails", func() bool { status, _ := g.readiness(); return status != http.StatusOK })
				if status, says := g.readiness(); status != http.StatusServiceUnavailable || !strings.Contains(says, part.name) {
					t.Errorf("readiness: %d %s", status, says)
				}
				err := <-g.done
				g.done <- nil // for the cleanup
				if failure := new(Failure); !errors.As(err, &failure) || failure.Part != part.name {
					t.Errorf("the gateway ends with %v", err)
				}
				if reason != nil && !errors.Is(err, reason) {
					t.Errorf("the reason is lost: %v", err)
				}
				if !g.hub.Draining() || g.hub.Count() > 0 {
					t.Error("joins are accepted, or peers are left")
				}
				if line := log.String(); !strings.Contains(line, `"work":"`+part.name+`"`) {
					t.Errorf("the log does not name it: %s", line)
				}
			})
		}
	}
}

// readiness asks past the network, which may be what failed.
func (r *running) readiness() (status int, body string) {
	answer := httptest.NewRecorder()
	r.server.Handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	return answer.Code, answer.Body.String()
}

// The sockets' own failures are noticed: nothing is stubbed here.
func TestSocketsThatBreak(t *testing.T) {
	for part, breakIt := range map[string]func(*Gateway) error{
		"HTTP server": func(g *Gateway) error { return g.listener.Close() },
		"UDP socket":  func(g *Gateway) error { return g.net.Close() },
	} {
		t.Run(rename(part), func(t *testing.T) {
			g := start(t, nil)
			g.viewing(t, "s1")
			if err := breakIt(g.Gateway); err != nil {
				t.Fatal(err)
			}
			err := <-g.done
			g.done <- nil
			if failure := new(Failure); !errors.As(err, &failure) || failure.Part != part {
				t.Errorf("the gateway ends with %v", err)
			}
		})
	}
}
