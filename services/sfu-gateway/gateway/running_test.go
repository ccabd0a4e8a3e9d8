package gateway

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"flashback/sfu-gateway/config"
	"flashback/sfu-gateway/session"
)

const secret = "a secret of more than thirty-two characters"

// running is a gateway with open ports, stopped at the end of the test.
type running struct {
	*Gateway
	t    *testing.T
	url  string
	stop context.CancelFunc
	done chan error
}

// start opens a gateway and runs it; it must end without an error.
func start(t *testing.T, change func(*config.Config)) *running {
	t.Helper()
	r := open(t, slog.New(slog.DiscardHandler), change)
	r.run()
	return r
}

// open makes a gateway on free ports that does not serve yet.
func open(t *testing.T, log *slog.Logger, change func(*config.Config)) *running {
	t.Helper()
	file, err := os.ReadFile("../config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{
		"SFU_BIND": "127.0.0.1", "TOKEN_SECRET": secret, "REDIS_URL": "redis://127.0.0.1:1/0",
		"SFU_PORT": freePort(t), "SFU_UDP_PORT": freePort(t),
	}
	c, err := config.Load(func(key string) string { return env[key] }, file)
	if err != nil {
		t.Fatal(err)
	}
	c.HTTP.RatePerSecond, c.HTTP.RateBurst, c.HTTP.DrainSeconds = 1000, 1000, 0.01
	if change != nil {
		change(&c)
	}
	g, err := New(c, log)
	if err != nil {
		t.Fatal(err)
	}
	return &running{Gateway: g, t: t, url: "http://127.0.0.1:" + strconv.Itoa(c.Port), done: make(chan error, 1)}
}

func (r *running) run() {
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	go func() { r.done <- r.Run(ctx) }()
	r.t.Cleanup(func() {
		stop()
		if err := <-r.done; err != nil {
			r.t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
}

func freePort(t *testing.T) string {
	t.Helper()
	probe, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = probe.Close() }()
	return strconv.Itoa(probe.Addr().(*net.TCPAddr).Port)
}

func bearer(session, role string, expires time.Time) string {
	claims := jwt.MapClaims{"sid": session, "role": role, "exp": expires.Unix()}
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(secret))
	if err != nil {
		panic(err)
	}
	return "Bearer " + text
}

func fresh(session, role string) string { return bearer(session, role, time.Now().Add(time.Minute)) }

// call is one HTTP request; the answer's body is read.
func (r *running) call(method, path, authorization, contentType, body string) (*http.Response, string) {
	r.t.Helper()
	request, err := http.NewRequest(method, r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	request.Header.Set("Authorization", authorization)
	request.Header.Set("Content-Type", contentType)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return response, string(text)
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (r *running) listed() []session.Summary {
	r.t.Helper()
	_, body := r.call(http.MethodGet, "/sessions", fresh("*", "orchestrator"), "", "")
	var list struct{ Sessions []session.Summary }
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		r.t.Fatalf("%v: %s", err, body)
	}
	return list.Sessions
}
