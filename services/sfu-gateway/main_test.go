package main

import (
	"errors"
	"fmt"
	"testing"

	"flashback/sfu-gateway/gateway"
)

// A supervisor can tell a gateway that broke while it ran, and is started anew, from one that cannot start as it is set.
func TestStatus(t *testing.T) {
	failure := &gateway.Failure{Part: "heartbeat", Reason: errors.New("it is broken")}
	for want, err := range map[int]error{70: fmt.Errorf("run: %w", failure), 1: errors.New("port 7001 is in use")} {
		if got := status(err); got != want {
			t.Errorf("%v: %d instead of %d", err, got, want)
		}
	}
}
