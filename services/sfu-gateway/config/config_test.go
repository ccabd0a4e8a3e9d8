package config

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func read(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile("../config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func load(t *testing.T, env map[string]string) (Config, error) {
	t.Helper()
	return Load(func(key string) string {
		if !slices.Contains(Environment, key) {
			t.Errorf("%s is read but not listed", key)
		}
		return env[key]
	}, read(t))
}

func with(key, value string) map[string]string {
	return map[string]string{"TOKEN_SECRET": strings.Repeat("s", 32), key: value}
}

// Every key of config.yaml is read, every key that is read is in config.yaml, and each has a comment.
func TestEveryKeyOfTheFile(t *testing.T) {
	text := string(read(t))
	var section string
	var found []string
	key := regexp.MustCompile(`(?m)^( *)([a-z_]+):`)
	for _, match := range key.FindAllStringSubmatchIndex(text, -1) {
		name := text[match[4]:match[5]]
		if match[2] == match[3] {
			section = name
			continue
		}
		found = append(found, section+"."+name)
		before := strings.TrimRight(text[:match[0]], "\n")
		if last := before[strings.LastIndex(before, "\n")+1:]; !strings.HasPrefix(strings.TrimSpace(last), "#") {
			t.Errorf("%s.%s has no comment", section, name)
		}
	}
	if !slices.Equal(found, Keys()) {
		t.Errorf("config.yaml has %v, %v are read", found, Keys())
	}
}

// Every variable of the list is read.
func TestEveryVariableIsRead(t *testing.T) {
	seen := map[string]bool{}
	_, _ = Load(func(key string) string { seen[key] = true; return "" }, read(t))
	for _, key := range Environment {
		if !seen[key] {
			t.Errorf("%s is listed but not read", key)
		}
	}
}

// Without anything but a secret the defaults of .env hold.
func TestDefaults(t *testing.T) {
	c, err := load(t, with("HOST", ""))
	if err != nil {
		t.Fatal(err)
	}
	if c.Port != 7001 || c.UDPPort != 7002 || c.Bind.String() != "0.0.0.0" || c.RedisURL != "redis://127.0.0.1:6379/0" {
		t.Errorf("%+v", c)
	}
	if c.LogLevel != "info" || c.LogFormat != "console" || len(c.CORSOrigins) > 0 || len(c.Advertise) > 0 {
		t.Errorf("%+v", c)
	}
}

// PORT_OFFSET moves every port, Redis's own included.
func TestPortOffset(t *testing.T) {
	c, err := load(t, with("PORT_OFFSET", "1000"))
	if err != nil {
		t.Fatal(err)
	}
	if c.Port != 8001 || c.UDPPort != 8002 || c.RedisURL != "redis://127.0.0.1:7379/0" {
		t.Errorf("%+v", c)
	}
}

// A secret is drawn once and kept in its file, unless one is given.
func TestSecretFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token-secret")
	env := map[string]string{"TOKEN_SECRET_FILE": path}
	first, err := load(t, env)
	if err != nil || len(first.TokenSecret) < MinSecretLength {
		t.Fatalf("%q %v", first.TokenSecret, err)
	}
	if again, err := load(t, env); err != nil || again.TokenSecret != first.TokenSecret {
		t.Errorf("%q is not %q: %v", again.TokenSecret, first.TokenSecret, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	env["TOKEN_SECRET"] = strings.Repeat("s", 32)
	if given, err := load(t, env); err != nil || given.TokenSecret != env["TOKEN_SECRET"] {
		t.Errorf("%q %v", given.TokenSecret, err)
	}
}

// Lists are separated by commas, spaces do not matter.
func TestLists(t *testing.T) {
	c, err := load(t, with("CORS_ORIGINS", " https://a.example , https://b.example,"))
	if err != nil || !slices.Equal(c.CORSOrigins, []string{"https://a.example", "https://b.example"}) {
		t.Errorf("%v %v", c.CORSOrigins, err)
	}
}

// What cannot work is refused with the name of the variable.
func TestBadVariables(t *testing.T) {
	for _, c := range []struct{ key, value string }{
		{"TOKEN_SECRET", ""},
		{"TOKEN_SECRET", strings.Repeat("s", 31)},
		{"TOKEN_SECRET_FILE", "/nowhere/token-secret"},
		{"SFU_BIND", "everywhere"},
		{"SFU_PORT", "x"},
		{"SFU_PORT", "0"},
		{"SFU_UDP_PORT", "70000"},
		{"PORT_OFFSET", "60000"},
		{"REDIS_URL", "127.0.0.1:6379"},
		{"SFU_ADVERTISE", "gateway.example"},
		{"SFU_ADVERTISE", "203.0.113.7/inside"},
		{"LOG_LEVEL", "loud"},
		{"LOG_FORMAT", "xml"},
	} {
		env := with(c.key, c.value)
		if c.key == "TOKEN_SECRET_FILE" {
			delete(env, "TOKEN_SECRET")
		}
		if _, err := load(t, env); err == nil || !strings.Contains(err.Error(), c.key) {
			t.Errorf("%s=%s: %v", c.key, c.value, err)
		}
	}
}

// A file with a key too many, too few, or of no use is refused with the name of the key.
func TestBadFiles(t *testing.T) {
	good := string(read(t))
	for change, says := range map[string][2]string{
		"a key too many": {"  lite: false", "  lite: false\n  heavy: true"},
		"a key too few":  {"  keepalive_seconds: 2\n", "\n"},
		"zero":           {"sessions: 200", "sessions: 0"},
		"text":           {"rate_burst: 60", "rate_burst: many"},
	} {
		bad := strings.Replace(good, says[0], says[1], 1)
		if bad == good {
			t.Fatalf("%s changes nothing", change)
		}
		if _, err := ParseFile([]byte(bad)); err == nil {
			t.Errorf("%s is accepted", change)
		}
	}
}
