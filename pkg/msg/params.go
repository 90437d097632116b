package msg

import (
	"strings"

	"github.com/loom-lite/loom-lite/pkg/output"
	"github.com/loom-lite/loom-lite/pkg/redact"
	"github.com/loom-lite/loom-lite/pkg/scene"
)

// RecordParams says what to capture. Outputs: the mezzanine's pieces, by PieceName. Each is
// announced as soon as it is stored, but for the last, which goes with the result. Facts:
// RecordFacts.
type RecordParams struct {
	// Scene is the scene's ordinal in the video, from 1; messages for users name it.
	Scene int `json:"scene"`
	// URL is the page's, http or https. A stranger's.
	URL string `json:"url"`
	// Shown is how the URL may be shown where it has values of variables: with their names. Empty
	// where it has none.
	Shown string `json:"shown,omitempty"`
	// Private are values of variables, which are of people: nothing shows them that others read.
	Private []string `json:"private,omitempty"`
	// Width and Height are the picture's size in pixels, even numbers: what Options.Picture returns
	// for the video's size. What the page is laid out in is Options.Window.
	Width  int `json:"width"`
	Height int `json:"height"`
	// Rate is the capture's frame rate.
	Rate Rate `json:"rate"`
	// Frames is how many frames of page time to capture.
	Frames int `json:"frames"`
	// Pieces are the frames of each of the mezzanine's pieces, in order: all of Frames together.
	Pieces []int `json:"pieces"`
	// Options are what the product's user asked of the scene.
	Options scene.Options `json:"options,omitzero"`
}

// InlineURL is the address that a scene's own HTML has for its browser: of a host that there never
// is (RFC 2606), which the recorder answers for.
const InlineURL = "http://scene.invalid/"

// Page is the page's address as it may be shown: without user, query and fragment, and without
// values of variables. It is empty for a text that is no URL.
func (p RecordParams) Page() string {
	if p.Shown == "" {
		return redact.URL(p.URL)
	}
	page, _, _ := strings.Cut(p.Shown, "#")
	page, _, _ = strings.Cut(page, "?")
	return page
}

// RecordFacts is what a capture came to.
type RecordFacts struct {
	// Frames is how many frames the mezzanine stands for.
	Frames int `json:"frames"`
	// Distinct is how many different pictures follow one another: a frame equal to the one before
	// is stored once in a piece.
	Distinct int `json:"distinct"`
	// Bytes is the size of all pieces together.
	Bytes int64 `json:"bytes"`
	// Mode is how the page was captured.
	Mode Mode `json:"mode,omitempty"`
	// Warnings are what the render's owner should know although the scene was recorded.
	Warnings []Warning `json:"warnings,omitempty"`
}

// Mode is how a page was captured.
type Mode string

const (
	// ModeExact is a capture on a virtual clock, every frame drawn on demand.
	ModeExact Mode = "exact"
	// ModeVirtual is a capture on a virtual clock by a Chrome that does not draw frames on demand:
	// a screenshot of the page at each frame's time. What the compositor moves may be off by parts
	// of a frame.
	ModeVirtual Mode = "virtual"
	// ModeRealtime is a capture in real time: what Chrome could draw in it, on the frames' times.
	ModeRealtime Mode = "realtime"
)

// Warning is something that went otherwise than asked, in a render that is done all the same.
type Warning struct {
	// Code is one of those of errors.
	Code Code `json:"code"`
	// Scene is the scene's ordinal, from 1; 0 when it is about none.
	Scene int `json:"scene,omitempty"`
	// Message is for the product's user.
	Message string `json:"message"`
}

// ProbeParams says which facecam to fetch. Output: FacecamFile. Facts: ProbeFacts.
type ProbeParams struct {
	// URL is the file's, http or https. A stranger's.
	URL string `json:"url"`
	// Length is the video's: no more of a facecam's sound is heard, and none of it behind that is
	// measured. 0: all of it is.
	Length Duration `json:"length_ms,omitempty"`
}

// DrawParams says how to draw a watermark. Output: WatermarkFile. Facts: DrawFacts.
type DrawParams struct {
	// URL is the picture's, http or https. A stranger's.
	URL string `json:"url"`
	// Width and Height are the most pixels that it takes: it keeps its shape, and is as large as
	// both allow.
	Width  int `json:"width"`
	Height int `json:"height"`
	// Opacity is from 0 to 1.
	Opacity float64 `json:"opacity"`
}

// DrawFacts describes a watermark as it is drawn.
type DrawFacts struct {
	// Width and Height in pixels, even numbers.
	Width  int `json:"width"`
	Height int `json:"height"`
}

// WatermarkPlace is where a watermark is.
type WatermarkPlace struct {
	// Right and Bottom say from which edges it is Margin pixels away; else it is the left and the
	// upper one.
	Right  bool `json:"right,omitempty"`
	Bottom bool `json:"bottom,omitempty"`
	Margin int  `json:"margin"`
}

// ProbeFacts describes a facecam.
type ProbeFacts struct {
	// Bytes is the file's size.
	Bytes int64 `json:"bytes"`
	// DurationMS is when the picture ends, in milliseconds from where the file starts, picture or
	// sound. It is measured by reading the packets, not the header.
	DurationMS int64 `json:"duration_ms"`
	// Width and Height are of the picture as shown (rotation applied), in pixels.
	Width  int `json:"width"`
	Height int `json:"height"`
	// VideoStream and AudioStream are FFmpeg's stream indexes; AudioStream is -1 without sound.
	VideoStream int `json:"video_stream"`
	AudioStream int `json:"audio_stream"`
	// VideoCodec and AudioCodec are FFmpeg's names (h264, vp9, aac, opus); AudioCodec is empty
	// without sound.
	VideoCodec string `json:"video_codec"`
	AudioCodec string `json:"audio_codec,omitempty"`
	// Alpha says that the picture is transparent in places, or may be: the page shows through.
	Alpha bool `json:"alpha,omitempty"`
	// Seekable says that decoding may start at a keyframe: tried on this file, it gave the very
	// frames that are found when decoding starts earlier. Else, and in short files, it starts at
	// the start of the file.
	Seekable bool `json:"seekable,omitempty"`
	// SoundMS is when the sound ends, as DurationMS is when the picture does. 0 without sound.
	SoundMS int64 `json:"sound_ms,omitempty"`
	// Loudness is of what is heard in the video. It is set when that is not silence.
	Loudness *Loudness `json:"loudness,omitempty"`
}

// Loudness is what FFmpeg's loudnorm filter measures in its first pass, as EBU R 128 defines it.
type Loudness struct {
	// Integrated loudness in LUFS.
	Integrated float64 `json:"integrated_lufs"`
	// TruePeak in dBTP.
	TruePeak float64 `json:"true_peak_dbtp"`
	// Range in LU.
	Range float64 `json:"range_lu"`
	// Threshold in LUFS.
	Threshold float64 `json:"threshold_lufs"`
	// Offset is loudnorm's target offset in LU.
	Offset float64 `json:"offset_lu"`
}

// NormalizeParams says how to encode a segment. Inputs: Mezzanine, which is one piece of a scene's,
// MezzanineNext when Crossfade is set, FacecamFile (with ProbeFacts) when Facecam is set, and
// WatermarkFile when Watermark is. Output: Segment. Facts: VideoFacts.
type NormalizeParams struct {
	Scene  int  `json:"scene"`
	Width  int  `json:"width"`
	Height int  `json:"height"`
	Rate   Rate `json:"rate"`
	// Frames is exactly how many frames the segment has.
	Frames int `json:"frames"`
	// FirstFrame is the segment's place on the render's timeline, which is also the facecam frame
	// it starts with.
	FirstFrame int `json:"first_frame"`
	// Quality is how the picture is encoded: output.QualityDraft, output.QualityStandard or
	// output.QualityHigh. Segments of a video have the same.
	Quality string `json:"quality"`
	// Facecam says whether the bubble is laid over the picture.
	Facecam bool `json:"facecam"`
	// Bubble says how; nil, the default: what facecam.BubbleOf returns for no options.
	Bubble *Bubble `json:"bubble,omitempty"`
	// Fit says how the mezzanine's pictures are brought to Width × Height; nil when they have that
	// size.
	Fit *Fit `json:"fit,omitempty"`
	// Crossfade makes the segment a transition, from Mezzanine to MezzanineNext, which has as many
	// frames; NextFit is the latter's Fit.
	Crossfade bool `json:"crossfade,omitempty"`
	NextFit   *Fit `json:"next_fit,omitempty"`
	// Captions are to be drawn on the picture, times counted from the segment's first frame.
	Captions []Caption `json:"captions,omitempty"`
	// Watermark is where the watermark is laid over the picture; nil: nowhere.
	Watermark *WatermarkPlace `json:"watermark,omitempty"`
}

// Caption is a text and when it is shown.
type Caption struct {
	From Duration `json:"from_ms"`
	To   Duration `json:"to_ms"`
	// Text is plain, with line breaks.
	Text string `json:"text"`
}

// Fit is how pictures of one size are shown in another.
type Fit struct {
	// Width and Height of the pictures, in pixels.
	Width  int `json:"width"`
	Height int `json:"height"`
	// How is scene.FitContain, scene.FitCover or scene.FitFill.
	How string `json:"how"`
	// Background is the colour of the bars that FitContain leaves, as #rrggbb.
	Background string `json:"background"`
}

// VideoFacts describes a segment, a joined or a finished video, as measured on the file.
type VideoFacts struct {
	Frames int   `json:"frames"`
	Bytes  int64 `json:"bytes"`
	// Sound says whether there is an audio track.
	Sound bool `json:"sound"`
	// Parameters is a hash of the picture's parameter sets: segments are joined by copying only
	// when all have the same.
	Parameters string `json:"parameters,omitempty"`
	// Fingerprints are those of some frames of a segment or a joined video, as they went into the
	// encoder. Changes has an element for each segment.
	Fingerprints []Fingerprint `json:"looks,omitempty"`
	Changes      []Changes     `json:"changes,omitempty"`
	// Report is a finished video's.
	Report *Report `json:"report,omitempty"`
	// Warnings are what the render's owner should know of a segment.
	Warnings []Warning `json:"warnings,omitempty"`
}

// ConcatParams says how to join. Inputs: the segments, in order of their names, with VideoFacts.
// Outputs: Joined, or Video, Thumbnail and ThumbnailSmall when Final, and PreviewGIF and
// PreviewWebP when there is a Preview. Facts: VideoFacts.
type ConcatParams struct {
	Width  int  `json:"width"`
	Height int  `json:"height"`
	Rate   Rate `json:"rate"`
	// Frames of each segment, in order.
	Frames []int `json:"frames"`
	// Quality is what the segments were encoded in: one of another build of FFmpeg is encoded
	// again.
	Quality string `json:"quality"`
	// Final says that no overlay follows: write the finished video and the thumbnails.
	Final bool `json:"final"`
	// ThumbnailAt is when the thumbnail's frame is, in seconds, when Final; nil: look for one.
	ThumbnailAt *float64 `json:"thumbnail_at,omitempty"`
	// Preview is what the animated previews show; nil: none are made.
	Preview *output.Preview `json:"preview,omitempty"`
	// Captions are the finished video's track, when Final; none: it has none.
	Captions []Caption `json:"captions,omitempty"`
	// Language is the track's, in three letters (ISO 639-2/T); empty: it does not say.
	Language string `json:"language,omitempty"`
}

// OverlayParams says how to finish a video with a facecam. Inputs: Joined (with VideoFacts),
// FacecamFile (with ProbeFacts). Outputs: Video, Thumbnail, ThumbnailSmall, and PreviewGIF and
// PreviewWebP when there is a Preview. Facts: VideoFacts.
type OverlayParams struct {
	Width  int  `json:"width"`
	Height int  `json:"height"`
	Rate   Rate `json:"rate"`
	Frames int  `json:"frames"`
	// ThumbnailAt is when the thumbnail's frame is, in seconds; nil: look for one.
	ThumbnailAt *float64 `json:"thumbnail_at,omitempty"`
	// Preview is what the animated previews show; nil: none are made.
	Preview *output.Preview `json:"preview,omitempty"`
	// Bubble is where the facecam is, and what of a frame a thumbnail is not chosen for; nil: at
	// the usual place.
	Bubble *Bubble `json:"bubble,omitempty"`
	// Loudness is what the sound is brought to; nil: the defaults.
	Loudness *output.Loudness `json:"loudness,omitempty"`
	// Captions are the finished video's track; none: it has none.
	Captions []Caption `json:"captions,omitempty"`
	// Language is the track's, in three letters (ISO 639-2/T); empty: it does not say.
	Language string `json:"language,omitempty"`
}

// UploadParams says what to store. Inputs: Video (with VideoFacts), Thumbnail, ThumbnailSmall, and
// PreviewGIF and PreviewWebP if they were made. No outputs in the work bucket. Facts: UploadFacts.
type UploadParams struct {
	// Share is the page for the video; nil: none is made.
	Share *SharePage `json:"share,omitempty"`
}

// SharePage is what a page for a video shows.
type SharePage struct {
	output.Share
	Width  int  `json:"width"`
	Height int  `json:"height"`
	Frames int  `json:"frames"`
	Rate   Rate `json:"rate"`
	// Captions are those of the video's track; none: it has none.
	Captions []Caption `json:"captions,omitempty"`
	// Language is theirs, as the campaign writes it; empty: it does not say.
	Language string `json:"language,omitempty"`
}

// UploadFacts says where the finished files are. The URLs are in the renders row alone: they may be
// signed.
type UploadFacts struct {
	// VideoKey is the object's key in the bucket of videos, the others those in the bucket of
	// thumbnails.
	VideoKey          string `json:"video_key"`
	ThumbnailKey      string `json:"thumbnail_key"`
	ThumbnailSmallKey string `json:"thumbnail_small_key"`
	PreviewGIFKey     string `json:"preview_gif_key,omitempty"`
	PreviewWebPKey    string `json:"preview_webp_key,omitempty"`
	// ShareKey and CaptionsKey are those of the page and of its captions, in the bucket of videos.
	ShareKey    string `json:"share_key,omitempty"`
	CaptionsKey string `json:"captions_key,omitempty"`
}
