package gateway

import (
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"flashback/sfu-gateway/config"
)

const readyTimeout = 2 * time.Second

// Ready asks the gateway that runs on this machine with these settings whether it is ready; nil: it is. It is the health
// check of an image that holds no other program.
func Ready(c config.Config) error {
	host := c.Bind
	if host.IsUnspecified() {
		host = net.IPv4(127, 0, 0, 1)
	}
	client := http.Client{Timeout: readyTimeout}
	answer, err := client.Get("http://" + net.JoinHostPort(host.String(), strconv.Itoa(c.Port)) + "/readyz")
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: %s", answer.Status)
	}
	return nil
}
