package plan

import (
	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/pkg/budget"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/options"
)

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

// Build makes the tasks of a render. Each comes after those that it needs. newID names them. object
// is the size of the largest object that the store takes, in bytes; 0 for no bound.
func Build(r *Render, object int64, newID func() uuid.UUID) []Task {
	b := builder{Render: *r, object: object, newID: newID, total: r.frames()}
	b.pieces = b.cut()
	records := b.record()
	facecam, mark := b.probe(), b.draw()
	last := b.concat(b.normalize(records, facecam, mark))
	if facecam != uuid.Nil {
		last = b.overlay(last, facecam)
	}
	inputs := map[string]Input{}
	for _, name := range b.finished() {
		inputs[name] = Input{last, name}
	}
	b.add(msg.Upload, 0, msg.UploadParams{Share: b.page()}, weightUpload, inputs)
	return b.tasks
}

// builder is a plan that is being made.
type builder struct {
	Render
	object int64
	newID  func() uuid.UUID
	// total is the number of frames of the video.
	total int
	// pieces are the frames of each piece, by scene.
	pieces [][]int
	// corner is where the watermark is; nil when there is none.
	corner *msg.WatermarkPlace
	// segments are the frames of each segment, in order.
	segments []int
	tasks    []Task
}

// add appends a task that writes the outputs called names, and returns its id. It needs the tasks
// that its inputs come from.
func (b *builder) add(kind msg.Kind, seq int, params any, weight float64, inputs map[string]Input, names ...string) uuid.UUID {
	t := Task{
		ID: b.newID(), Kind: kind, Seq: seq, Params: params, Weight: weight, Inputs: inputs,
		Needs: []uuid.UUID{}, Outputs: map[string]Output{},
	}
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

// share is a part of a weight, by frames.
func (b *builder) share(weight float64, frames int) float64 {
	return weight * float64(frames) / float64(b.total)
}

// lead and tail are how many frames of a scene, at its beginning and at its end, are for the
// transitions to it and from it.
func (b *builder) lead(scene int) int {
	if scene == 0 {
		return 0
	}
	return b.Crossfade
}

func (b *builder) tail(scene int) int {
	if scene == len(b.Scenes)-1 {
		return 0
	}
	return b.Crossfade
}

// cut returns the pieces of each scene. What transitions are made of are pieces of their own. A
// scene begins under the end of the one before it, and so is recorded for longer than its place in
// the video lasts.
func (b *builder) cut() [][]int {
	alone := make([]int, len(b.Scenes))
	for i, s := range b.Scenes {
		alone[i] = s.Frames - b.tail(i)
	}
	most := budget.Segments
	if b.Crossfade > 0 {
		most -= len(alone) - 1
	}
	list := pieces(b.Rate, alone, most)
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
		width, height := s.Options.Picture(b.Width, b.Height)
		ids = append(ids, b.add(msg.Record, i, msg.RecordParams{
			Scene: i + 1, URL: s.URL, Width: width, Height: height, Rate: b.Rate,
			Frames: b.lead(i) + s.Frames, Pieces: b.pieces[i], Options: s.Options, Shown: s.Shown, Private: b.private,
		}, b.share(weightRecord, s.Frames), nil))
		task := &b.tasks[len(b.tasks)-1]
		if s.Options.HTML == "" {
			task.Host = hostOf(s.URL)
		}
		for piece := range b.pieces[i] {
			task.Outputs[msg.PieceName(piece)] = pieceOutput(piece).parted(b.object)
		}
	}
	return ids
}

// probe adds the task that fetches the facecam. Its id is uuid.Nil when there is no facecam.
func (b *builder) probe() uuid.UUID {
	if b.Facecam == "" {
		return uuid.Nil
	}
	return b.add(msg.Probe, 0, msg.ProbeParams{URL: b.Facecam, Length: msg.Duration(b.Rate.At(b.total))},
		weightProbe, nil, msg.FacecamFile)
}

// draw adds the task that fetches and draws the watermark. Its id is uuid.Nil when there is no
// watermark.
func (b *builder) draw() uuid.UUID {
	mark := b.Output.Watermark
	if mark == nil {
		return uuid.Nil
	}
	at := mark.Place(b.Width, b.Height)
	b.corner = &msg.WatermarkPlace{Right: at.Right, Bottom: at.Bottom, Margin: at.Margin}
	return b.add(msg.Draw, 0, msg.DrawParams{URL: mark.URL, Width: at.Width, Height: at.Height, Opacity: at.Opacity},
		weightDraw, nil, msg.WatermarkFile)
}

// normalize adds a task for each piece of each scene, and one for each transition, which reads a
// piece of both scenes.
func (b *builder) normalize(records []uuid.UUID, facecam, mark uuid.UUID) (ids []uuid.UUID) {
	first := 0
	for i, pieces := range b.pieces {
		for piece, frames := range pieces {
			if piece == 0 && b.lead(i) > 0 {
				continue // it is in the transition to this scene
			}
			p := msg.NormalizeParams{
				Scene: i + 1, Width: b.Width, Height: b.Height, Rate: b.Rate, Frames: frames, FirstFrame: first,
				Quality: b.Output.Level(), Facecam: facecam != uuid.Nil, Bubble: b.Bubble, Fit: b.fit(i), Watermark: b.corner,
			}
			inputs := map[string]Input{msg.Mezzanine: {records[i], msg.PieceName(piece)}}
			if piece == len(pieces)-1 && b.tail(i) > 0 {
				p.Crossfade, p.NextFit = true, b.fit(i+1)
				inputs[msg.MezzanineNext] = Input{records[i+1], msg.PieceName(0)}
			}
			if b.Output.Captions.Burnt() {
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

// fit returns how the pictures of a scene are brought to the video's size; nil when they have it.
func (b *builder) fit(scene int) *msg.Fit {
	o := b.Scenes[scene].Options
	w, h := o.Picture(b.Width, b.Height)
	if w == b.Width && h == b.Height {
		return nil
	}
	return &msg.Fit{Width: w, Height: h, How: o.Viewport.HowToFit(), Background: o.Viewport.Bars()}
}

func (b *builder) concat(segments []uuid.UUID) uuid.UUID {
	p := msg.ConcatParams{
		Width: b.Width, Height: b.Height, Rate: b.Rate, Frames: b.segments, Quality: b.Output.Level(),
		Final: b.Facecam == "", ThumbnailAt: b.Output.ThumbnailAt, Preview: b.Output.Preview,
	}
	inputs := map[string]Input{}
	for i, segment := range segments {
		inputs[msg.SegmentName(i)] = Input{segment, msg.Segment}
	}
	if !p.Final {
		return b.add(msg.Concat, 0, p, weightConcat, inputs, msg.Joined)
	}
	p.Captions, p.Language = b.track()
	return b.add(msg.Concat, 0, p, weightConcat, inputs, b.finished()...)
}

func (b *builder) overlay(joined, facecam uuid.UUID) uuid.UUID {
	p := msg.OverlayParams{
		Width: b.Width, Height: b.Height, Rate: b.Rate, Frames: b.total, ThumbnailAt: b.Output.ThumbnailAt, Preview: b.Output.Preview,
		Bubble: b.Bubble, Loudness: b.Output.Loudness,
	}
	p.Captions, p.Language = b.track()
	return b.add(msg.Overlay, 0, p, weightOverlay,
		map[string]Input{msg.Joined: {joined, msg.Joined}, msg.FacecamFile: {facecam, msg.FacecamFile}},
		b.finished()...)
}

// page returns the page for the video; nil when none is asked for.
func (b *builder) page() *msg.SharePage {
	if b.Output.Share == nil {
		return nil
	}
	page := &msg.SharePage{Share: *b.Output.Share, Width: b.Width, Height: b.Height, Frames: b.total, Rate: b.Rate}
	if page.Captions, _ = b.track(); page.Captions != nil {
		page.Language = b.Output.Captions.Language
	}
	return page
}

// finished are the outputs of the task that finishes the video.
func (b *builder) finished() []string {
	names := []string{msg.Video, msg.Thumbnail, msg.ThumbnailSmall}
	if b.Output.Preview != nil {
		names = append(names, msg.PreviewGIF, msg.PreviewWebP)
	}
	return names
}

// captions returns those that are shown in a part of the video. Times are counted from the part's
// first frame.
func (b *builder) captions(first, frames int) (list []msg.Caption) {
	begin, end := b.Rate.At(first), b.Rate.At(first+frames)
	for _, c := range b.Captions {
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
	if b.Output.Captions.Burnt() {
		return nil, ""
	}
	return b.captions(0, b.total), options.Language(b.Output.Captions)
}
