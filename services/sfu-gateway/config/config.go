// Package config reads the gateway's settings: addresses and secrets from the environment, the rest from config.yaml.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// Environment lists every variable that is read; each stands with a comment in .env.
var Environment = []string{
	"SFU_BIND",
	"SFU_PORT",
	"SFU_UDP_PORT",
	"SFU_ADVERTISE",
	"PORT_OFFSET",
	"TOKEN_SECRET",
	"TOKEN_SECRET_FILE",
	"CORS_ORIGINS",
	"HOST",
	"REDIS_PORT",
	"REDIS_URL",
	"LOG_LEVEL",
	"LOG_FORMAT",
}

// MinSecretLength is the shortest TOKEN_SECRET, in characters.
const MinSecretLength = 32

// Config is everything the gateway can be told. Ports already include PORT_OFFSET.
type Config struct {
	Bind        net.IP
	Port        int
	UDPPort     int
	Advertise   []string // addresses as SFU_ADVERTISE has them: external or external/local
	TokenSecret string
	CORSOrigins []string
	RedisURL    string
	LogLevel    string
	LogFormat   string
	File
}

// File is config.yaml, key by key.
type File struct {
	ICE struct {
		Lite                bool    `yaml:"lite"`
		DisconnectedSeconds Seconds `yaml:"disconnected_seconds"`
		FailedSeconds       Seconds `yaml:"failed_seconds"`
		KeepaliveSeconds    Seconds `yaml:"keepalive_seconds"`
	} `yaml:"ice"`
	Joins struct {
		ConnectSeconds      Seconds `yaml:"connect_seconds"`
		PeersPerSession     int     `yaml:"peers_per_session"`
		Sessions            int     `yaml:"sessions"`
		EmptySessionSeconds Seconds `yaml:"empty_session_seconds"`
	} `yaml:"joins"`
	Media struct {
		VideoHistoryPackets  int          `yaml:"video_history_packets"`
		KeyframeIntervalMS   Milliseconds `yaml:"keyframe_interval_ms"`
		MicrophoneHandoverMS Milliseconds `yaml:"microphone_handover_ms"`
	} `yaml:"media"`
	HTTP struct {
		BodyBytes     int64   `yaml:"body_bytes"`
		RatePerSecond float64 `yaml:"rate_per_second"`
		RateBurst     float64 `yaml:"rate_burst"`
		DrainSeconds  Seconds `yaml:"drain_seconds"`
	} `yaml:"http"`
	Heartbeat struct {
		Seconds Seconds `yaml:"seconds"`
	} `yaml:"heartbeat"`
}

// Seconds is a duration written as a number of seconds.
type Seconds float64

// Duration converts to Go's own type.
func (s Seconds) Duration() time.Duration { return time.Duration(float64(s) * float64(time.Second)) }

// Milliseconds is a duration written as a number of milliseconds.
type Milliseconds float64

// Duration converts to Go's own type.
func (m Milliseconds) Duration() time.Duration {
	return time.Duration(float64(m) * float64(time.Millisecond))
}

// Load joins the environment and the text of config.yaml. An error is a sentence that says what to change.
func Load(getenv func(string) string, file []byte) (Config, error) {
	parsed, err := ParseFile(file)
	if err != nil {
		return Config{}, err
	}
	env := environment{getenv: getenv}
	c := Config{
		Bind:        env.address("SFU_BIND", "0.0.0.0"),
		TokenSecret: env.secret("TOKEN_SECRET", "TOKEN_SECRET_FILE"),
		Advertise:   env.list("SFU_ADVERTISE"),
		CORSOrigins: env.list("CORS_ORIGINS"),
		LogLevel:    env.oneOf("LOG_LEVEL", "info", "debug", "warning", "error"),
		LogFormat:   env.oneOf("LOG_FORMAT", "console", "json"),
		File:        parsed,
	}
	offset := env.number("PORT_OFFSET", 0)
	c.Port = env.port("SFU_PORT", 7001, offset)
	c.UDPPort = env.port("SFU_UDP_PORT", 7002, offset)
	redisAddress := net.JoinHostPort(env.text("HOST", "127.0.0.1"), strconv.Itoa(env.port("REDIS_PORT", 6379, offset)))
	c.RedisURL = env.text("REDIS_URL", "redis://"+redisAddress+"/0")
	if n := len(c.TokenSecret); n < MinSecretLength {
		env.fail("TOKEN_SECRET has %d characters; set it to %d or more, the same for all services", n, MinSecretLength)
	}
	for _, a := range c.Advertise {
		if !isAdvertised(a) {
			env.fail("SFU_ADVERTISE: %q is neither an address nor external/local, such as 203.0.113.7 or 203.0.113.7/10.0.0.5", a)
		}
	}
	return c, errors.Join(env.errors...)
}

// ParseFile reads config.yaml. Keys that are unknown, missing or not positive are errors.
func ParseFile(text []byte) (File, error) {
	var file File
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil {
		return File{}, fmt.Errorf("config.yaml: %w", err)
	}
	var tree map[string]map[string]any
	if err := yaml.Unmarshal(text, &tree); err != nil {
		return File{}, fmt.Errorf("config.yaml: %w", err)
	}
	for _, key := range Keys() {
		section, name, _ := strings.Cut(key, ".")
		switch value := tree[section][name].(type) {
		case bool:
		case int:
			if value <= 0 {
				return File{}, fmt.Errorf("config.yaml: %s is %d; it must be more than zero", key, value)
			}
		case float64:
			if value <= 0 {
				return File{}, fmt.Errorf("config.yaml: %s is %g; it must be more than zero", key, value)
			}
		default:
			return File{}, fmt.Errorf("config.yaml: %s is missing", key)
		}
	}
	return file, nil
}

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

func isAdvertised(text string) bool {
	external, local, paired := strings.Cut(text, "/")
	return net.ParseIP(external) != nil && (!paired || net.ParseIP(local) != nil)
}
