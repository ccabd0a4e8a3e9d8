package config

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// secret returns the value of the variable key, or else the text of the file that the variable fileKey names. If there is no
// such file yet, a random secret is written to it, which the orchestrator then reads there.
func (e *environment) secret(key, fileKey string) string {
	value, path := e.text(key, ""), e.text(fileKey, "")
	if value != "" || path == "" {
		return value
	}
	kept, err := keptSecret(path)
	if err != nil {
		e.fail("%s: %v", fileKey, err)
	}
	return kept
}

func keptSecret(path string) (string, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return drawSecret(path)
	}
	return strings.TrimSpace(string(text)), err
}

// drawSecret writes a random secret, all at once: who reads the file meanwhile never sees half a secret.
func drawSecret(path string) (string, error) {
	drawn := rand.Text() + rand.Text()
	unfinished := fmt.Sprintf("%s.%d", path, os.Getpid())
	if err := os.WriteFile(unfinished, []byte(drawn), 0o600); err != nil {
		return "", err
	}
	return drawn, os.Rename(unfinished, path)
}
