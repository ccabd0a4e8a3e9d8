// Package config reads the gateway's settings: addresses and secrets from the environment, the rest from config.yaml.
package config

import (
	"errors"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// Environment lists every variable that is read. Each has a comment in .env.
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

// Config is all settings of the gateway. Ports include PORT_OFFSET.
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

// Load reads the environment and the text of config.yaml. Its errors are sentences that say what to change.
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
	if at, err := url.Parse(c.RedisURL); err != nil || at.Host == "" || (at.Scheme != "redis" && at.Scheme != "rediss") {
		env.fail("REDIS_URL is %q; it must look like redis://127.0.0.1:6379/0", c.RedisURL)
	}
	for _, a := range c.Advertise {
		if !isAdvertised(a) {
			env.fail("SFU_ADVERTISE: %q is neither an address nor external/local, such as 203.0.113.7 or 203.0.113.7/10.0.0.5", a)
		}
	}
	return c, errors.Join(env.errors...)
}

func isAdvertised(text string) bool {
	external, local, paired := strings.Cut(text, "/")
	return net.ParseIP(external) != nil && (!paired || net.ParseIP(local) != nil)
}
