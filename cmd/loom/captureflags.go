package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/loom-lite/loom-lite/services/ingest/plan"
)

// sceneDuration is how long a page is shown.
type sceneDuration time.Duration

// maxCapture is the longest capture: this command is for trying a page out.
const maxCapture = time.Hour

// UnmarshalText reads a duration such as 5s.
func (d *sceneDuration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil || parsed < 10*time.Millisecond || parsed > maxCapture {
		return fmt.Errorf("%q is not a possible duration: write one from 10ms to 1h, such as 5s or 1m30s", text)
	}
	*d = sceneDuration(parsed)
	return nil
}

// pictureSize is a video's size in pixels.
type pictureSize struct{ Width, Height int }

// UnmarshalText reads a size such as 1920x1080. The bounds are those of campaigns.
func (s *pictureSize) UnmarshalText(text []byte) error {
	width, height, found := strings.Cut(strings.ToLower(string(text)), "x")
	w, err1 := strconv.Atoi(width)
	h, err2 := strconv.Atoi(height)
	switch {
	case !found || errors.Join(err1, err2) != nil:
		return fmt.Errorf("%q is not a size: write width and height in pixels, such as 1920x1080", text)
	case w%2 != 0 || h%2 != 0:
		return fmt.Errorf("%q is not possible: width and height must be even numbers, such as 1920x1080", text)
	case min(w, h) < plan.MinSize || max(w, h) > plan.MaxLong || min(w, h) > plan.MaxShort:
		return fmt.Errorf("%q is not possible: write a size from %dx%[2]d to %dx%d, or that upright, such as 1920x1080",
			text, plan.MinSize, plan.MaxLong, plan.MaxShort)
	}
	*s = pictureSize{w, h}
	return nil
}

// frameRate is a number of frames per second.
type frameRate int

// UnmarshalText reads a whole number. The bounds are those of campaigns.
func (r *frameRate) UnmarshalText(text []byte) error {
	n, err := strconv.Atoi(string(text))
	if err != nil || n < 1 || n > plan.MaxFPS {
		return fmt.Errorf("%q is not a possible frame rate: write a whole number from 1 to %d, such as 60", text, plan.MaxFPS)
	}
	*r = frameRate(n)
	return nil
}
