package plan

import (
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/output"
	"github.com/loom-lite/loom-lite/pkg/scene"
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

// outputs are what they are called, by name; those of large are stored in parts where the store
// wants it.
var outputs = map[string]Output{
	msg.FacecamFile:   {"facecam", "application/octet-stream"},
	msg.WatermarkFile: {"watermark.png", "image/png"},
	msg.Segment:       {"segment.mp4", "video/mp4"},
	msg.Joined:        {"joined.mp4", "video/mp4"},
	msg.Video:         {"video.mp4", "video/mp4"},
	msg.Thumbnail:     {"thumbnail.jpg", "image/jpeg"},

	msg.ThumbnailSmall: {"thumbnail-small.jpg", "image/jpeg"},
}

var large = map[string]bool{msg.FacecamFile: true, msg.Segment: true, msg.Joined: true, msg.Video: true}

// pieceOutput is what the mezzanine's piece at place i is called in storage.
func pieceOutput(i int) Output { return Output{msg.PieceName(i) + ".mov", "video/quicktime"} }

// Shares of the work, by kind. Those of record and normalize are divided among the scenes by their
// frames.
const (
	weightRecord    = 0.55
	weightProbe     = 0.02
	weightDraw      = 0.02
	weightNormalize = 0.30
	weightConcat    = 0.03
	weightOverlay   = 0.06
	weightUpload    = 0.04
)

// Build makes the tasks of a campaign that Validate has passed, those that others need before the
// others. newID names them. object is how many bytes the store takes as one object, 0 for no bound.
func Build(c Campaign, object int64, newID func() uuid.UUID) []Task {
	b := builder{Campaign: c, object: object, newID: newID}
	b.rate, _ = c.rate() // as Validate has read it
	b.output, _ = c.options()
	b.cues, _ = b.output.Captions.Cues()
	for _, s := range c.Scenes {
		b.frames = append(b.frames, b.rate.Frames(s.duration()))
		b.total += b.frames[len(b.frames)-1]
		options, _ := s.options()
		b.options = append(b.options, options)
	}
	b.crossfade = b.rate.Frames(b.output.Crossfade())
	b.pieces = b.cut()
	if b.facecam() != "" {
		shown, _ := c.shown()
		b.bubble = msg.BubbleOf(shown, b.width(), b.height(), b.rate, b.total)
	}
	return b.build()
}

type builder struct {
	Campaign
	object int64
	newID  func() uuid.UUID
	rate   msg.Rate
	output output.Options
	cues   []output.Cue
	bubble *msg.Bubble
	// corner is where the watermark is; nil when there is none.
	corner *msg.WatermarkPlace
	// crossfade is how many frames one scene takes to become the next; 0 for a cut.
	crossfade int
	// options of each scene, the frames of its place in the video, and the frames of the pieces
	// that it is recorded in.
	options []scene.Options
	frames  []int
	pieces  [][]int
	total   int
	tasks   []Task
	// segments are the frames of each, in order.
	segments []int
}

// add appends a task and returns its id. What it needs is what its inputs come from.
func (b *builder) add(kind msg.Kind, seq int, params any, weight float64, inputs map[string]Input, names ...string) uuid.UUID {
	t := Task{ID: b.newID(), Kind: kind, Seq: seq, Params: params, Weight: weight, Inputs: inputs,
		Needs: []uuid.UUID{}, Outputs: map[string]Output{}}
	if t.Inputs == nil {
		t.Inputs = map[string]Input{}
	}
	for _, earlier := range b.tasks {
		for _, in := range t.Inputs {
			if in.Task == earlier.ID {
				t.Needs = append(t.Needs, earlier.ID)
				break
			}
		}
	}
	for _, name := range names {
		t.Outputs[name] = outputs[name]
		if large[name] {
			t.Outputs[name] = outputs[name].parted(b.object)
		}
	}
	b.tasks = append(b.tasks, t)
	return t.ID
}

func (b *builder) build() []Task {
	records := b.record()
	facecam, mark := b.probe(), b.draw()
	segments := b.normalize(records, facecam, mark)

	last := b.concat(segments, facecam == uuid.Nil)
	if facecam != uuid.Nil {
		captions, language := b.track()
		last = b.add(msg.Overlay, 0,
			msg.OverlayParams{Width: b.width(), Height: b.height(), Rate: b.rate, Frames: b.total, ThumbnailAt: b.output.ThumbnailAt,
				Bubble: b.bubble, Loudness: b.output.Loudness, Captions: captions, Language: language}, weightOverlay,
			map[string]Input{msg.Joined: {last, msg.Joined}, msg.FacecamFile: {facecam, msg.FacecamFile}},
			msg.Video, msg.Thumbnail, msg.ThumbnailSmall)
	}
	b.add(msg.Upload, 0, msg.UploadParams{}, weightUpload,
		map[string]Input{msg.Video: {last, msg.Video}, msg.Thumbnail: {last, msg.Thumbnail},
			msg.ThumbnailSmall: {last, msg.ThumbnailSmall}})
	return b.tasks
}

// probe adds the task that fetches the facecam; its id is uuid.Nil when there is none.
func (b *builder) probe() uuid.UUID {
	if b.facecam() == "" {
		return uuid.Nil
	}
	return b.add(msg.Probe, 0, msg.ProbeParams{URL: b.facecam(), Length: msg.Duration(b.rate.At(b.total))}, weightProbe, nil, msg.FacecamFile)
}

// draw adds the task that fetches and draws the watermark; its id is uuid.Nil when there is none.
func (b *builder) draw() uuid.UUID {
	w := b.output.Watermark
	if w == nil {
		return uuid.Nil
	}
	at := w.Place(b.width(), b.height())
	b.corner = &msg.WatermarkPlace{Right: at.Right, Bottom: at.Bottom, Margin: at.Margin}
	return b.add(msg.Draw, 0, msg.DrawParams{URL: trimmed(w.URL), Width: at.Width, Height: at.Height, Opacity: at.Opacity},
		weightDraw, nil, msg.WatermarkFile)
}

// share is a scene's part of a weight.
func (b *builder) share(weight float64, frames int) float64 {
	return weight * float64(frames) / float64(b.total)
}

// lead and tail are how many frames of a scene, at its beginning and at its end, are for the
// transitions to it and from it.
func (b *builder) lead(i int) int {
	if i == 0 {
		return 0
	}
	return b.crossfade
}

func (b *builder) tail(i int) int {
	if i == len(b.frames)-1 {
		return 0
	}
	return b.crossfade
}

// cut returns the pieces of each scene. What transitions are made of are pieces of their own. A
// scene begins under the end of the one before, and so is recorded for longer than its place in the
// video lasts.
func (b *builder) cut() [][]int {
	alone := make([]int, len(b.frames))
	for i, frames := range b.frames {
		alone[i] = frames - b.tail(i)
	}
	most := maxSegments
	if b.crossfade > 0 {
		most -= len(alone) - 1
	}
	list := pieces(b.rate, alone, most)
	for i := range list {
		if lead := b.lead(i); lead > 0 {
			list[i] = append([]int{lead}, list[i]...)
		}
		if tail := b.tail(i); tail > 0 {
			list[i] = append(list[i], tail)
		}
	}
	return list
}

func (b *builder) record() (ids []uuid.UUID) {
	for i, s := range b.Scenes {
		width, height := b.options[i].Picture(b.width(), b.height())
		ids = append(ids, b.add(msg.Record, i, msg.RecordParams{
			Scene: i + 1, URL: s.url(), Width: width, Height: height, Rate: b.rate, Frames: b.lead(i) + b.frames[i], Pieces: b.pieces[i],
			Options: b.options[i],
		}, b.share(weightRecord, b.frames[i]), nil))
		outputs := b.tasks[len(b.tasks)-1].Outputs
		for piece := range b.pieces[i] {
			outputs[msg.PieceName(piece)] = pieceOutput(piece).parted(b.object)
		}
	}
	return ids
}

// normalize adds a task for each piece of each scene, and for each transition one that reads a
// piece of both.
func (b *builder) normalize(records []uuid.UUID, facecam, mark uuid.UUID) (ids []uuid.UUID) {
	first := 0
	for i, pieces := range b.pieces {
		for piece, frames := range pieces {
			if piece == 0 && b.lead(i) > 0 {
				continue // it is in the transition to this scene
			}
			p := msg.NormalizeParams{
				Scene: i + 1, Width: b.width(), Height: b.height(), Rate: b.rate, Frames: frames, FirstFrame: first,
				Quality: b.output.Level(), Facecam: facecam != uuid.Nil, Bubble: b.bubble, Fit: msg.FitOf(b.options[i], b.width(), b.height()),
				Watermark: b.corner,
			}
			inputs := map[string]Input{msg.Mezzanine: {records[i], msg.PieceName(piece)}}
			if piece == len(pieces)-1 && b.tail(i) > 0 {
				p.Crossfade, p.NextFit = true, msg.FitOf(b.options[i+1], b.width(), b.height())
				inputs[msg.MezzanineNext] = Input{records[i+1], msg.PieceName(0)}
			}
			if b.output.Captions.Burnt() {
				p.Captions = b.captions(first, frames)
			}
			if facecam != uuid.Nil {
				inputs[msg.FacecamFile] = Input{facecam, msg.FacecamFile}
			}
			if mark != uuid.Nil {
				inputs[msg.WatermarkFile] = Input{mark, msg.WatermarkFile}
			}
			ids = append(ids, b.add(msg.Normalize, len(ids), p, b.share(weightNormalize, frames), inputs, msg.Segment))
			b.segments = append(b.segments, frames)
			first += frames
		}
	}
	return ids
}

func (b *builder) concat(segments []uuid.UUID, final bool) uuid.UUID {
	params := msg.ConcatParams{Width: b.width(), Height: b.height(), Rate: b.rate, Quality: b.output.Level(), Final: final, ThumbnailAt: b.output.ThumbnailAt}
	inputs := map[string]Input{}
	params.Frames = b.segments
	for i, segment := range segments {
		inputs[msg.SegmentName(i)] = Input{segment, msg.Segment}
	}
	if final {
		params.Captions, params.Language = b.track()
		return b.add(msg.Concat, 0, params, weightConcat, inputs, msg.Video, msg.Thumbnail, msg.ThumbnailSmall)
	}
	return b.add(msg.Concat, 0, params, weightConcat, inputs, msg.Joined)
}

// captions returns those that are shown in a part of the video, times counted from the part's first
// frame.
func (b *builder) captions(first, frames int) (list []msg.Caption) {
	begin, end := b.rate.At(first), b.rate.At(first+frames)
	for _, c := range b.cues {
		if c.From < end && c.To > begin {
			list = append(list, msg.Caption{
				From: msg.Duration(max(0, c.From-begin)), To: msg.Duration(min(c.To, end) - begin), Text: c.Text,
			})
		}
	}
	return list
}

// track returns the captions of the finished video's track, and their language.
func (b *builder) track() (captions []msg.Caption, language string) {
	if b.output.Captions.Burnt() {
		return nil, ""
	}
	return b.captions(0, b.total), b.output.Captions.ISO639()
}

// JSON returns tasks as loom.open_plan takes them.
func JSON(tasks []Task) ([]byte, error) {
	data, err := json.Marshal(tasks)
	if err != nil {
		return nil, fmt.Errorf("write tasks: %w", err)
	}
	return data, nil
}
