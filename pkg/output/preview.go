package output

import "time"

// Preview is a few seconds of a video, animated, for mails.
type Preview struct {
	// At is the time of its first frame, in seconds from the video's start; it ends with the video
	// at the latest. Nil: where most moves.
	At *float64 `json:"at,omitempty"`
	// Seconds is how long it is, from 3 to 6. Default: 4.
	Seconds *float64 `json:"seconds,omitempty"`
	// Width in pixels, from 200 to 800. Default: 600. A narrower video keeps its own.
	Width *int `json:"width,omitempty"`
	// PlayButton draws a play button on it.
	PlayButton bool `json:"play_button,omitempty"`
}

// What is meant by what is not written.
const (
	defaultPreviewSeconds = 4
	defaultPreviewWidth   = 600
)

// Length is how long a preview is, with its default.
func (p Preview) Length() time.Duration {
	return time.Duration(or(p.Seconds, defaultPreviewSeconds) * float64(time.Second))
}

// Pixels is how wide a preview is, with its default.
func (p Preview) Pixels() int { return or(p.Width, defaultPreviewWidth) }
