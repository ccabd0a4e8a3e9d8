package rtcnet

import (
	"errors"
	"net"
	"sync"
)

// watchedSocket is the UDP socket as pion's mux uses it. The mux reads it in one goroutine, which logs an error, closes the
// socket and ends, and tells nobody else.
type watchedSocket struct {
	*net.UDPConn
	closed chan struct{}

	mu      sync.Mutex
	readErr error // the last one
	close   func() error
}

func watch(udp *net.UDPConn) *watchedSocket {
	s := &watchedSocket{UDPConn: udp, closed: make(chan struct{})}
	s.close = sync.OnceValue(func() error {
		defer close(s.closed)
		return udp.Close()
	})
	return s
}

// ReadFrom reads one packet.
func (s *watchedSocket) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := s.UDPConn.ReadFrom(b)
	if err != nil {
		s.mu.Lock()
		s.readErr = err
		s.mu.Unlock()
	}
	return n, from, err
}

// Close closes the socket once; what is closed already is no error.
func (s *watchedSocket) Close() error { return s.close() }

// reason is why the socket was closed.
func (s *watchedSocket) reason() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readErr == nil {
		return errors.New("it was closed")
	}
	return s.readErr
}
