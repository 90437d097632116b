package local

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/loom-lite/loom-lite/pkg/atomicfile"
)

// secret returns the secret kept in a file that only its owner can read, and makes one the first
// time.
func secret(path string, bytes int) (string, error) {
	text, err := os.ReadFile(path)
	if err == nil {
		if s := strings.TrimSpace(string(text)); s != "" {
			return s, nil
		}
	} else if !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("read secret: %w", err)
	}
	s := random(bytes)
	if err := atomicfile.Write(path, []byte(s+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("keep secret: %w", err)
	}
	return s, nil
}

// random returns n random bytes in hexadecimal.
func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails, by its contract
	return hex.EncodeToString(b)
}
