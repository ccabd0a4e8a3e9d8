package rtcnet

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"testing"
)

// Advertised addresses get the local half that pion needs, and loopback stays what it is.
func TestNATPairs(t *testing.T) {
	all, one := net.IPv4zero, net.IPv4(10, 0, 0, 5)
	for _, c := range []struct {
		bind      net.IP
		advertise []string
		want      []string
	}{
		{all, nil, nil},
		{all, []string{"203.0.113.7/10.0.0.5"}, []string{"127.0.0.1/127.0.0.1", "203.0.113.7/10.0.0.5"}},
		{one, []string{"203.0.113.7"}, []string{"203.0.113.7/10.0.0.5"}},
		// Loopback leads to itself: the one route that every machine has.
		// No address twice.
		{all, []string{"127.0.0.1/10.0.0.5"}, []string{"127.0.0.1/10.0.0.5"}},
		{all, []string{"127.0.0.2"}, []string{"127.0.0.1/127.0.0.1", "127.0.0.2/127.0.0.1"}},
	} {
		got, err := natPairs(c.bind, c.advertise)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%v %v: %v %v", c.bind, c.advertise, got, err)
		}
	}
}

// A socket that cannot be read any more ends Serve with the reason; one that is stopped ends it without.
func TestServe(t *testing.T) {
	open := func() *Net {
		n, err := Listen(Options{Bind: net.IPv4(127, 0, 0, 1)}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = n.Close() })
		return n
	}
	broken := open()
	if err := broken.socket.UDPConn.Close(); err != nil {
		t.Fatal(err)
	}
	if err := broken.Serve(context.Background()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("%v", err)
	}
	stopped, stop := context.WithCancel(context.Background())
	stop()
	if err := open().Serve(stopped); err != nil {
		t.Errorf("%v", err)
	}
}
