package output

import "time"

// Captions are subtitles.
type Captions struct {
	// Text is SRT or WebVTT.
	Text string `json:"text"`
	// Show is CaptionsTrack (default) or CaptionsBurn.
	Show string `json:"show,omitempty"`
	// Language is what a track is in, a BCP 47 tag or an ISO 639 code: "de", "pt-BR", "deu". Empty:
	// the track does not say.
	Language string `json:"language,omitempty"`
}

// How captions are shown.
const (
	// CaptionsTrack is a track that players can show.
	CaptionsTrack = "track"
	// CaptionsBurn draws them on the picture.
	CaptionsBurn = "burn"
)

// Burnt reports whether captions are drawn on the picture.
func (c *Captions) Burnt() bool { return c != nil && c.Show == CaptionsBurn }

// Cue is a text and when it is shown, counted from the video's start.
type Cue struct {
	From time.Duration
	To   time.Duration
	// Text is plain, with line breaks.
	Text string
}
