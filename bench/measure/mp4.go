package measure

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/google/uuid"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/services/recorder"
	"github.com/loom-lite/loom-lite/services/transcoder"
)

// mp4 is our recorder and transcoder: the stages of a render of one scene without a facecam, with
// what they write and read going through a store, as in a render. Each piece is normalized while
// the next is recorded.
type mp4 struct {
	ours
	handlers map[msg.Kind]stage.Handler
	// slots bounds how many tasks the transcoder works on at once.
	slots chan struct{}
}

func newMP4(o ours, environ map[string]string) (run tool, release func(), err error) {
	settings := serviceSettings(environ, "FFMPEG_PATH", "FFPROBE_PATH")
	// As many encoders as scenes share the cores.
	settings["TRANSCODER_SLOTS"] = strconv.Itoa(o.job.Scenes)
	cfg, err := transcoder.LoadConfig(settings)
	if err != nil {
		return nil, nil, err
	}
	service, err := transcoder.New(cfg)
	if err != nil {
		return nil, nil, err
	}
	return mp4{o, service.Handlers(), make(chan struct{}, o.job.Scenes)}.scene, service.Close, nil
}

func (m mp4) scene(ctx context.Context, dir string, at marks) (output, error) {
	cut := m.pieces()
	segments := make([]msg.VideoFacts, len(cut))
	pieces := make(chan int, len(cut)) // recording waits for nothing
	var recorded msg.RecordFacts
	group, grouped := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		defer close(pieces)
		recorded, err = m.record(grouped, dir, func(i int) { pieces <- i }, marks{first: at.first})
		return err
	})
	group.Go(func() error {
		for i := range pieces {
			facts, err := m.normalize(grouped, dir, i, cut[i])
			if err != nil {
				return err
			}
			segments[i] = facts
		}
		return nil
	})
	if err := group.Wait(); err != nil {
		return output{}, err
	}
	inputs := map[string]input{}
	for i, facts := range segments {
		inputs[msg.SegmentName(i)] = input{msg.SegmentName(i), facts}
	}
	video, err := m.handle(ctx, m.store(dir), msg.Concat, dir, msg.ConcatParams{
		Width: m.job.Width, Height: m.job.Height, Rate: msg.FPS(m.job.FPS), Frames: cut, Final: true,
	}, inputs, map[string]string{
		msg.Video: msg.Video, msg.Thumbnail: msg.Thumbnail, msg.ThumbnailSmall: msg.ThumbnailSmall,
	})
	if err != nil {
		return output{}, err
	}
	at.finished()
	return output{video.Frames, recorded.Distinct, video.Bytes}, nil
}

// normalize stores the piece at place i, as the recorder does, and makes a segment of it.
func (m mp4) normalize(ctx context.Context, dir string, i, frames int) (msg.VideoFacts, error) {
	if err := m.storePiece(ctx, dir, i); err != nil {
		return msg.VideoFacts{}, err
	}
	m.slots <- struct{}{}
	defer func() { <-m.slots }()
	return m.handle(ctx, m.store(dir), msg.Normalize, dir, msg.NormalizeParams{
		Scene: 1, Width: m.job.Width, Height: m.job.Height, Rate: msg.FPS(m.job.FPS), Frames: frames,
	}, map[string]input{msg.Mezzanine: {msg.PieceName(i), nil}}, map[string]string{msg.Segment: msg.SegmentName(i)})
}

// storePiece stores the piece at place i and removes its file, as the recorder does.
func (o ours) storePiece(ctx context.Context, dir string, i int) error {
	piece, path := msg.PieceName(i), recorder.PiecePath(dir, i)
	grant, err := o.store(dir).grant(msg.Record, nil, nil, map[string]string{piece: piece})
	if err != nil {
		return err
	}
	if err := stage.NewTask(grant, dir, zerolog.Nop()).Store(ctx, piece, path); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("remove the piece: %w", err)
	}
	return nil
}

func (o ours) store(dir string) store { return store{url: o.job.Store + "/" + filepath.Base(dir)} }

// handle runs one of the transcoder's stages in a folder of its own.
func (m mp4) handle(ctx context.Context, s store, kind msg.Kind, dir string, params any, inputs map[string]input,
	outputs map[string]string,
) (msg.VideoFacts, error) {
	own := filepath.Join(dir, string(kind))
	if err := os.Mkdir(own, 0o755); err != nil {
		return msg.VideoFacts{}, fmt.Errorf("make a folder: %w", err)
	}
	defer os.RemoveAll(own)
	grant, err := s.grant(kind, params, inputs, outputs)
	if err != nil {
		return msg.VideoFacts{}, err
	}
	facts, err := m.handlers[kind].Handle(ctx, stage.NewTask(grant, own, zerolog.Nop()))
	if err != nil {
		return msg.VideoFacts{}, err
	}
	video, ok := facts.(msg.VideoFacts)
	if !ok {
		return msg.VideoFacts{}, fmt.Errorf("%s found out %T", kind, facts)
	}
	return video, nil
}

// store is where a scene's stages find each other's files: by name, below a URL.
type store struct{ url string }

// input is what an earlier stage stored under a name, and its facts.
type input struct {
	name  string
	facts any
}

// grant is that of a task whose outputs are stored under the names given for them.
func (s store) grant(kind msg.Kind, params any, inputs map[string]input, outputs map[string]string) (msg.Grant, error) {
	raw, err := json.Marshal(params)
	if err != nil {
		return msg.Grant{}, fmt.Errorf("write parameters: %w", err)
	}
	grant := msg.Grant{
		Ref: msg.NewRef(kind, uuid.New(), uuid.New()), Attempt: 1, Params: raw,
		Inputs: map[string]msg.Input{}, Outputs: map[string]msg.Output{},
	}
	for name, in := range inputs {
		facts, err := json.Marshal(in.facts)
		if err != nil {
			return msg.Grant{}, fmt.Errorf("write facts: %w", err)
		}
		grant.Inputs[name] = msg.Input{Key: in.name, URL: msg.SignedURL(s.url + "/" + in.name), Facts: facts}
	}
	for output, name := range outputs {
		grant.Outputs[output] = msg.Output{
			Key: name, URL: msg.SignedURL(s.url + "/" + name), ContentType: "application/octet-stream",
		}
	}
	return grant, nil
}
