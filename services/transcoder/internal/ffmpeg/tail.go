package ffmpeg

import (
	"path/filepath"
	"regexp"
	"strings"
	"sync"
)

// tailSize is how much of stderr is kept: enough for a loudnorm report or the lines that explain a
// failure.
const tailSize = 4 << 10

// tail keeps the last tailSize bytes written to it.
type tail struct {
	mu   sync.Mutex
	data []byte
	cut  bool
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.data = append(t.data, p...)
	if over := len(t.data) - tailSize; over > 0 {
		t.data = append(t.data[:0], t.data[over:]...)
		t.cut = true
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := string(t.data)
	if t.cut {
		// Not the half of a line: what it starts with cannot be told from a path that was cut.
		_, text, _ = strings.Cut(text, "\n")
	}
	return stripPaths(strings.TrimSpace(strings.ToValidUTF8(text, "�")))
}

// folders matches the folders of an absolute path. A slash after a word or a digit is a fraction or
// a ratio.
var folders = regexp.MustCompile(`(^|[\s'"(=:\[])(?:/[^/\s'":]+)*/([^/\s'":]+)`)

// stripPaths reduces the absolute paths in text to their last element.
func stripPaths(text string) string { return folders.ReplaceAllString(text, "$1$2") }

func baseName(program string) string { return filepath.Base(program) }
