package overrides

import (
	_ "embed"
	"fmt"
	"strings"
	"time"

	"github.com/go-rod/rod"

	"github.com/loom-lite/loom-lite/services/recorder/internal/script"
)

// RepeatableDate is when repeatable pages are requested, by their own calendar: a Thursday at noon,
// so that it is the same day in most of the world. It is in the past: a page from the future would
// find expired what servers let expire, such as sessions and signed URLs.
var RepeatableDate = time.Date(2026, time.January, 1, 12, 0, 0, 0, time.UTC)

//go:embed repeatable.js
var repeatableScript string

// Repeatable makes a page's random numbers and clocks the same in every run, from its next document
// on. The page's calendar must begin at RepeatableDate.
func Repeatable(page *rod.Page) error {
	behind := time.Since(RepeatableDate).Milliseconds()
	if err := script.OnNewDocument(page, "repeatable.js", fmt.Sprintf("(%s)(%d)", strings.TrimSpace(repeatableScript), behind)); err != nil {
		return fmt.Errorf("make the page repeatable: %w", err)
	}
	return nil
}
