package config

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// secret is the variable's own value, else what stands in the file that fileKey names. Where that file is not there yet, one
// is drawn and kept in it, for the orchestrator that shares it.
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

// drawSecret writes the whole file or none of it, so that whoever reads it meanwhile never sees half a secret.
func drawSecret(path string) (string, error) {
	drawn := rand.Text() + rand.Text()
	unfinished := fmt.Sprintf("%s.%d", path, os.Getpid())
	if err := os.WriteFile(unfinished, []byte(drawn), 0o600); err != nil {
		return "", err
	}
	return drawn, os.Rename(unfinished, path)
}
