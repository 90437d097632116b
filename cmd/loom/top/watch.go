package top

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/loom-lite/loom-lite/services/console/snapshot"
)

// Terminal is what a screen is drawn on. It is in raw mode.
type Terminal struct {
	Keys io.Reader
	Out  io.Writer
	// Size is asked before each drawing.
	Size func() (width, height int)
}

const (
	// enter uses the terminal's other screen, so that what was there comes back, and hides the
	// cursor. leave undoes that.
	enter = "\x1b[?1049h\x1b[?25l"
	leave = "\x1b[?25h\x1b[?1049l"
	// home is the upper left corner. Each line clears what is right of it, and the last line what
	// is below: nothing flickers.
	home       = "\x1b[H"
	clearRight = "\x1b[K"
	clearBelow = "\x1b[J"
	help       = "q quit   tab other list   ↑ ↓ scroll   s sort"
)

// refresh is how often a snapshot is read.
const refresh = time.Second

// Watch draws snapshots, a second apart, until q is pressed or ctx is cancelled. While read fails,
// the last snapshot stays, with the error.
func (t Terminal) Watch(ctx context.Context, read func(context.Context) (snapshot.Snapshot, error)) error {
	keys, stop := make(chan key), make(chan struct{})
	defer close(stop)
	go readKeys(t.Keys, keys, stop)
	if _, err := io.WriteString(t.Out, enter); err != nil {
		return fmt.Errorf("draw the screen: %w", err)
	}
	defer func() { _, _ = io.WriteString(t.Out, leave) }()
	ticker := time.NewTicker(refresh)
	defer ticker.Stop()
	var v view
	snapshot, failed := read(ctx)
	for {
		if ctx.Err() != nil {
			return nil
		}
		if err := t.draw(snapshot, failed, &v); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case k := <-keys:
			if k == quit {
				return nil
			}
			_, height := t.Size()
			v.press(k, height/3)
		case <-ticker.C:
			fresh, err := read(ctx)
			if failed = err; err == nil {
				snapshot = fresh
			}
		}
	}
}

func (t Terminal) draw(s snapshot.Snapshot, failed error, v *view) error {
	width, height := t.Size()
	c := screen{width: width, height: max(height-1, 1), styled: true}
	last := help
	if failed != nil {
		last = clean(strings.Join(strings.Fields(failed.Error()), " "))
	}
	var out strings.Builder
	out.WriteString(home)
	for _, line := range c.lines(s, v) {
		out.WriteString(line + clearRight + "\r\n")
	}
	out.WriteString(c.fit(last) + clearRight + clearBelow)
	if _, err := io.WriteString(t.Out, out.String()); err != nil {
		return fmt.Errorf("draw the screen: %w", err)
	}
	return nil
}
