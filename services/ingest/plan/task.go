package plan

import (
	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// Task is one task of a plan, in the JSON that loom.open_plan takes.
type Task struct {
	ID   uuid.UUID `json:"id"`
	Kind msg.Kind  `json:"kind"`
	// Seq is the task's place among the plan's tasks of its kind, from 0.
	Seq int `json:"seq"`
	// Needs are the tasks that must be done first.
	Needs []uuid.UUID `json:"needs"`
	// Params are the kind's parameters: msg.RecordParams, …
	Params any `json:"params"`
	// Inputs are objects that other tasks write, by the name that this task knows them by.
	Inputs map[string]Input `json:"inputs"`
	// Outputs are the objects that this task writes, by name.
	Outputs map[string]Output `json:"outputs"`
	// Weight is the task's share of the render's work, for its progress. Only ratios matter.
	Weight float64 `json:"weight"`
	// Host is the host of the page that the task records.
	Host string `json:"host,omitempty"`
	// Recipe is a hash, in hexadecimal, of all that its outputs are made by, its inputs aside: see
	// Naming. Empty: they are this render's alone.
	Recipe string `json:"recipe,omitempty"`
	// MaxAge is how long before this render was asked for outputs may have been begun that are used
	// again, in seconds. Nil: any; what they are made of tells how old they are.
	MaxAge *float64 `json:"max_age_sec,omitempty"`
}

// Input is an output of another task.
type Input struct {
	Task   uuid.UUID `json:"task"`
	Output string    `json:"output"`
}

// Output is what an object is called within its attempt's folder, and what it is.
type Output struct {
	File        string `json:"file"`
	ContentType string `json:"content_type"`
}

// outputs are the objects that tasks write, by name. Pieces of a mezzanine are pieceOutput's.
var outputs = map[string]Output{
	msg.FacecamFile:   {"facecam", "application/octet-stream"},
	msg.WatermarkFile: {"watermark.png", "image/png"},
	msg.Segment:       {"segment.mp4", "video/mp4"},
	msg.Joined:        {"joined.mp4", "video/mp4"},
	msg.Video:         {"video.mp4", "video/mp4"},
	msg.Thumbnail:     {"thumbnail.jpg", "image/jpeg"},

	msg.ThumbnailSmall: {"thumbnail-small.jpg", "image/jpeg"},
	msg.PreviewGIF:     {"preview.gif", "image/gif"},
	msg.PreviewWebP:    {"preview.webp", "image/webp"},
}

// large are those that are stored in parts where the store wants it.
var large = map[string]bool{msg.FacecamFile: true, msg.Segment: true, msg.Joined: true, msg.Video: true}

// pieceOutput is what the mezzanine's piece at place i is called in storage.
func pieceOutput(i int) Output { return Output{msg.PieceName(i) + ".mov", "video/quicktime"} }
