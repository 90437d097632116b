package child

import (
	"strings"
	"sync"
)

// tailSize is how many bytes a Tail keeps: enough for the lines that explain a failure.
const tailSize = 4 << 10

// Tail keeps the last tailSize bytes written to it, such as the end of what a child writes to
// stderr. It may be read while it is written to.
type Tail struct {
	mu   sync.Mutex
	data []byte
	cut  bool
}

// Write implements io.Writer.
func (t *Tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.data = append(t.data, p...)
	if over := len(t.data) - tailSize; over > 0 {
		t.data = append(t.data[:0], t.data[over:]...)
		t.cut = true
	}
	return len(p), nil
}

// String returns what is kept, as valid UTF-8. It begins with a whole line, because the beginning
// of a line that was cut could hide what the line is about.
func (t *Tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := string(t.data)
	if t.cut {
		_, text, _ = strings.Cut(text, "\n")
	}
	return strings.TrimSpace(strings.ToValidUTF8(text, "�"))
}
