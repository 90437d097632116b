package msg

import (
	"fmt"
	"slices"
)

// Kind is what a task does. It is a verb, the second token of its subjects, and the name of its
// metrics.
type Kind string

const (
	// Record captures a scene's page into a mezzanine. Recorder.
	Record Kind = "record"
	// Probe fetches the facecam into the work bucket, judges and measures it. Transcoder.
	Probe Kind = "probe"
	// Draw fetches the watermark and draws it as it is laid over the video. Transcoder.
	Draw Kind = "draw"
	// Normalize encodes a mezzanine into a segment, the facecam bubble included. Transcoder.
	Normalize Kind = "normalize"
	// Concat joins the segments. Transcoder.
	Concat Kind = "concat"
	// Overlay lays the facecam's sound over the joined picture. Transcoder.
	Overlay Kind = "overlay"
	// Upload stores the video and the thumbnail where the app finds them. Uploader.
	Upload Kind = "upload"

	// Preflight opens a page once and says how it would look in a video. It belongs to no render:
	// the render_id of its messages is the preflight's id. Recorder.
	Preflight Kind = "preflight"
)

// Kinds lists the kinds of a render's tasks in the order in which a render goes through them.
var Kinds = []Kind{Record, Probe, Draw, Normalize, Concat, Overlay, Upload}

// AllKinds lists all kinds: those of renders, and Preflight.
func AllKinds() []Kind { return append(slices.Clone(Kinds), Preflight) }

// Valid reports whether k is one of AllKinds.
func (k Kind) Valid() bool { return k == Preflight || slices.Contains(Kinds, k) }

// Fetches reports whether tasks of kind k wait for a stranger's server for most of their time. A
// worker runs them beside its slots: however slow the server is, it keeps nobody from work.
func (k Kind) Fetches() bool { return k == Probe || k == Draw }

// Stream returns the name of the stream that carries tasks of kind k.
func (k Kind) Stream() string {
	switch k {
	case Record:
		return StreamRecord
	case Upload:
		return StreamUpload
	case Preflight:
		return StreamPreflight
	default:
		return StreamTranscode
	}
}

// Names of inputs and outputs in grants.
const (
	// Mezzanine is a scene as recorded, or a piece of it: Motion JPEG in QuickTime/MP4, variable
	// frame rate, repeated frames stored once. The outputs of a record task are its pieces, called
	// by PieceName.
	Mezzanine = "mezzanine"
	// MezzanineNext is the first piece of the next scene, which a transition leads to.
	MezzanineNext = "mezzanine-next"
	// FacecamFile is the facecam's original bytes.
	FacecamFile = "facecam"
	// WatermarkFile is the watermark as it is laid over the video: a PNG of that size.
	WatermarkFile = "watermark"
	// Segment is a piece of a scene as normalized. Concat's inputs are called by SegmentName.
	Segment = "segment"
	// Joined is all segments in one file, without sound.
	Joined = "joined"
	// Video is the finished video.
	Video = "video"
	// Thumbnail is a JPEG of the video's size, ThumbnailSmall the same 640 pixels wide.
	Thumbnail      = "thumbnail"
	ThumbnailSmall = "thumbnail-small"
	// PreviewGIF and PreviewWebP are a few seconds of the video, animated, for mails.
	PreviewGIF  = "preview-gif"
	PreviewWebP = "preview-webp"
	// Picture is a JPEG of a page that was opened once.
	Picture = "picture"
)

// PieceName is what the mezzanine's piece at place i of its scene, from 0, is called among a record
// task's outputs.
func PieceName(i int) string { return fmt.Sprintf("%s-%04d", Mezzanine, i) }

// SegmentName is what the segment at place i of the video, from 0, is called among a concat task's
// inputs.
func SegmentName(i int) string { return fmt.Sprintf("%s-%04d", Segment, i) }
