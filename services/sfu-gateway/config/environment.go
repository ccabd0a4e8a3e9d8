package config

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
)

// environment reads variables and collects a sentence about each that cannot be used.
type environment struct {
	getenv func(string) string
	errors []error
}

func (e *environment) fail(format string, args ...any) {
	e.errors = append(e.errors, fmt.Errorf(format, args...))
}

func (e *environment) text(key, fallback string) string {
	if value := strings.TrimSpace(e.getenv(key)); value != "" {
		return value
	}
	return fallback
}

func (e *environment) list(key string) []string {
	var items []string
	for item := range strings.SplitSeq(e.text(key, ""), ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

func (e *environment) number(key string, fallback int) int {
	value := e.text(key, strconv.Itoa(fallback))
	n, err := strconv.Atoi(value)
	if err != nil {
		e.fail("%s is %q; it must be a whole number", key, value)
	}
	return n
}

func (e *environment) port(key string, fallback, offset int) int {
	port := e.number(key, fallback) + offset
	if port < 1 || port > 65535 {
		e.fail("%s is %d with PORT_OFFSET; a port lies between 1 and 65535", key, port)
	}
	return port
}

func (e *environment) address(key, fallback string) net.IP {
	value := e.text(key, fallback)
	ip := net.ParseIP(value)
	if value == "localhost" {
		ip = net.IPv4(127, 0, 0, 1)
	}
	if ip == nil {
		e.fail("%s is %q; it must be an IP address of this machine, or 0.0.0.0 for all of them", key, value)
	}
	return ip
}

func (e *environment) oneOf(key, fallback string, others ...string) string {
	value := strings.ToLower(e.text(key, fallback))
	if value != fallback && !slices.Contains(others, value) {
		e.fail("%s is %q; it must be one of %s", key, value, strings.Join(append([]string{fallback}, others...), ", "))
	}
	return value
}
