package local

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
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
	if err := writeFile(path, s+"\n"); err != nil {
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

// writeFile replaces a file as a whole, readable by its owner only: a reader sees the old text or
// the new one.
func writeFile(path, text string) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // mode 600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	if _, err := f.WriteString(text); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
