package output

import (
	"time"

	"github.com/loom-lite/loom-lite/pkg/scene"
)

// Options are the options of a video. The zero value is the defaults.
type Options struct {
	// Quality is how the picture is encoded: QualityDraft, QualityStandard (default) or
	// QualityHigh.
	Quality string `json:"quality,omitempty"`
	// ThumbnailAt is the time of the frame that the thumbnail shows, in seconds from the video's
	// start; what is beyond its end is its last frame. Nil: a frame that shows something is looked
	// for.
	ThumbnailAt *float64 `json:"thumbnail_at,omitempty"`
	// Preview is a few seconds of the video, animated, for mails. Nil: none is made.
	Preview *Preview `json:"preview,omitempty"`
	// Share is a web page for the video. Nil: none is made.
	Share *Share `json:"share,omitempty"`
	// Loudness is how loud the sound is.
	Loudness *Loudness `json:"loudness,omitempty"`
	// Transition is from one scene to the next. Nil: a cut.
	Transition *Transition `json:"transition,omitempty"`
	// Captions are subtitles. Nil: none.
	Captions *Captions `json:"captions,omitempty"`
	// Watermark is a picture over all of the video. Nil: none.
	Watermark *Watermark `json:"watermark,omitempty"`
	// Fallback is what scenes show if their page cannot be, where they do not say. Nil: they fail.
	Fallback *scene.Fallback `json:"fallback,omitempty"`
	// Cache is how old recordings, facecam and watermark may be that are used in place of new ones,
	// as options.CacheAge reads it. Default: the operator's SCENE_CACHE_TTL.
	Cache string `json:"cache,omitempty"`
}

// Transition is how one scene becomes the next.
type Transition struct {
	// Kind is TransitionCut or TransitionCrossfade.
	Kind string `json:"kind"`
	// Seconds is how long it takes, from 0.1 to 5; it is the end of the scene before. Default: 0.5.
	// A cut takes none.
	Seconds *float64 `json:"seconds,omitempty"`
}

// Transitions.
const (
	TransitionCut       = "cut"
	TransitionCrossfade = "crossfade"
)

// defaultTransition is in seconds.
const defaultTransition = 0.5

// Crossfade returns how long one scene takes to become the next; 0 when it is cut.
func (o Options) Crossfade() time.Duration {
	if o.Transition == nil || o.Transition.Kind != TransitionCrossfade {
		return 0
	}
	return time.Duration(or(o.Transition.Seconds, defaultTransition) * float64(time.Second))
}

// Qualities.
const (
	// QualityDraft is the fastest: for trying things out.
	QualityDraft = "draft"
	// QualityStandard looks like the page, at a size for the web.
	QualityStandard = "standard"
	// QualityHigh is closer to the page still, at half as much CPU time again.
	QualityHigh = "high"
)

// Level is the quality with its default.
func (o Options) Level() string {
	if o.Quality == "" {
		return QualityStandard
	}
	return o.Quality
}

// Loudness is what the sound of a video is brought to, as EBU R 128 measures it.
type Loudness struct {
	// Integrated loudness in LUFS, from -36 to -10. Default: -16.
	Integrated *float64 `json:"integrated_lufs,omitempty"`
	// TruePeak is the highest peak in dBTP, from -9 to -1. Default: -1.5.
	TruePeak *float64 `json:"true_peak_dbtp,omitempty"`
}
