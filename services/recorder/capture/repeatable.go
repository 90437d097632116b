package capture

import (
	_ "embed"
	"fmt"
	"strings"
	"time"

	"github.com/loom-lite/loom-lite/services/recorder/internal/script"
)

// repeatableDate is when repeatable pages are asked for, by their calendar: a Thursday at noon, so
// that it is the same day in most of the world. It has passed: to a page that came later than it
// did, what servers let end (a session, a signed URL) would have ended.
var repeatableDate = time.Date(2026, time.January, 1, 12, 0, 0, 0, time.UTC)

// date is what the page's calendar says when its time begins.
func (s *scene) date() time.Time {
	if s.Repeatable {
		return repeatableDate
	}
	return time.Now()
}

//go:embed repeatable.js
var repeatableScript string

// repeat makes what a page can ask of chance and of the machine's clock the same in every run.
func (s *scene) repeat() error {
	if !s.Repeatable {
		return nil
	}
	behind := time.Since(repeatableDate).Milliseconds()
	if err := script.OnNewDocument(s.page, "repeatable.js", fmt.Sprintf("(%s)(%d)", strings.TrimSpace(repeatableScript), behind)); err != nil {
		return fmt.Errorf("make the page repeatable: %w", err)
	}
	return nil
}
