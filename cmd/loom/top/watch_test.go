package top

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/services/console/snapshot"
)

// drawn is a terminal's output.
type drawn struct {
	mu   sync.Mutex
	text strings.Builder
	news chan struct{}
}

func (d *drawn) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	select {
	case d.news <- struct{}{}:
	default:
	}
	return d.text.Write(p)
}

func (d *drawn) await(t *testing.T, what string) {
	t.Helper()
	for deadline := time.After(2 * time.Minute); ; {
		d.mu.Lock()
		found := strings.Contains(d.text.String(), what)
		d.mu.Unlock()
		if found {
			return
		}
		select {
		case <-d.news:
		case <-deadline:
			t.Fatalf("%q is not drawn", what)
		}
	}
}

func TestWatchingEndsWithAKeyAndLeavesTheTerminalAsItWas(t *testing.T) {
	for name, end := range map[string]func(keys io.Writer, cancel func()){
		"q":      func(keys io.Writer, _ func()) { _, _ = io.WriteString(keys, "x\x1b[15~q") },
		"ctrl-c": func(keys io.Writer, _ func()) { _, _ = io.WriteString(keys, "\x03") },
		"signal": func(_ io.Writer, cancel func()) { cancel() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in, keys := io.Pipe()
			defer func() { _ = in.Close() }()
			out := &drawn{news: make(chan struct{}, 1)}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			reads, ended := 0, make(chan error)
			go func() {
				ended <- Terminal{in, out, func() (int, int) { return 80, 24 }}.Watch(ctx, func(context.Context) (snapshot.Snapshot, error) {
					if reads++; reads > 1 {
						return snapshot.Snapshot{}, errors.New("the database\x1b[2J is away")
					}
					return busy(3), nil
				})
			}()
			out.await(t, "recorder-02")
			_, _ = io.WriteString(keys, "\t")
			out.await(t, reverse+"RENDER")
			out.await(t, "the database[2J is away")
			go end(keys, cancel)
			if err := <-ended; err != nil {
				t.Error(err)
			}
			if text := out.text.String(); !strings.HasPrefix(text, enter) || !strings.HasSuffix(text, leave) || strings.Count(text, "recorder-02") < 2 {
				t.Errorf("drawn: %q", text)
			}
		})
	}
}
