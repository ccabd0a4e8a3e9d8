package config

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// File is config.yaml, where each key is explained.
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
		RateBurst     int     `yaml:"rate_burst"`
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

// ParseFile reads config.yaml. A key that is unknown, missing or not positive is an error that names it.
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

// Keys lists every key of config.yaml as section.name, in the order of the file.
func Keys() []string {
	var keys []string
	file := reflect.TypeFor[File]()
	for i := range file.NumField() {
		section := file.Field(i)
		for j := range section.Type.NumField() {
			keys = append(keys, section.Tag.Get("yaml")+"."+section.Type.Field(j).Tag.Get("yaml"))
		}
	}
	return keys
}
