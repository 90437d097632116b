package local

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/loom-lite/loom-lite/pkg/atomicfile"
)

// ReadyFileError says why the ready file cannot be written.
type ReadyFileError struct {
	Path string
	Err  error
}

func (e *ReadyFileError) Error() string { return fmt.Sprintf("ready file %s: %v", e.Path, e.Err) }

func (e *ReadyFileError) Unwrap() error { return e.Err }

// errNoFile is wrapped in a *ReadyFileError.
var errNoFile = errors.New("it exists and is not a regular file")

// clearReadyFile removes what an earlier run left at path, which points nowhere, and makes sure
// that a new file can be written there. It returns a *ReadyFileError.
func clearReadyFile(path string) error {
	info, err := os.Lstat(path)
	if err == nil && !info.Mode().IsRegular() {
		return &ReadyFileError{path, errNoFile}
	}
	if err := atomicfile.Check(path); err != nil {
		return &ReadyFileError{path, err}
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return &ReadyFileError{path, err}
	}
	return nil
}

// writeReadyFile writes settings as dotenv, readable by its owner only: a reader sees the whole
// file or none. Shells, dotenv libraries and, as long as nothing needs quoting, docker --env-file
// read it.
func writeReadyFile(path string, settings map[string]string) error {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&b, "%s=%s\n", name, quote(settings[name]))
	}
	if err := atomicfile.Write(path, []byte(b.String()), 0o600); err != nil {
		return &ReadyFileError{path, err}
	}
	return nil
}

// plain are the characters that mean themselves in an assignment, to shells and dotenv libraries
// alike.
const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:@%?=,+-"

func quote(value string) string {
	if strings.Trim(value, plain) == "" {
		return value
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`, "`", "\\`").Replace(value) + `"`
}
