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

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/services/transcoder"
)

// mp4 is our recorder and transcoder: the stages of a render of one scene without a facecam, one after the other, with
// what they write and read going through a store, as in a render.
type mp4 struct {
	ours
	handlers map[msg.Kind]stage.Handler
}

func newMP4(o ours, environ map[string]string) (run tool, release func(), err error) {
	settings := serviceSettings(environ, "FFMPEG_PATH", "FFPROBE_PATH")
	// As many encoders as scenes share the cores.
	settings["TRANSCODER_SLOTS"] = strconv.Itoa(o.job.Scenes)
	cfg, err := transcoder.LoadConfig(settings)
	if err != nil {
		return nil, nil, err
	}
	handlers, release, err := transcoder.Handlers(cfg)
	return mp4{o, handlers}.scene, release, err
}

func (m mp4) scene(ctx context.Context, dir string, at marks) (output, error) {
	path := mezzaninePath(dir)
	recorded, err := m.record(ctx, dir, path, marks{first: at.first})
	if err != nil {
		return output{}, err
	}
	s := store{url: m.job.Store + "/" + filepath.Base(dir)}
	task, err := s.task(msg.Record, nil, dir, nil, msg.Mezzanine)
	if err != nil {
		return output{}, err
	}
	if err := task.Store(ctx, msg.Mezzanine, path); err != nil {
		return output{}, err
	}
	if err := os.Remove(path); err != nil {
		return output{}, fmt.Errorf("remove the mezzanine: %w", err)
	}
	width, height, rate := m.job.Width, m.job.Height, msg.FPS(m.job.FPS)
	segment, err := m.handle(ctx, s, msg.Normalize, dir, msg.NormalizeParams{
		Scene: 1, Width: width, Height: height, Rate: rate, Frames: recorded.Frames,
	}, map[string]input{msg.Mezzanine: {msg.Mezzanine, recorded}}, msg.Segment)
	if err != nil {
		return output{}, err
	}
	video, err := m.handle(ctx, s, msg.Concat, dir, msg.ConcatParams{
		Width: width, Height: height, Rate: rate, Frames: []int{recorded.Frames}, Final: true,
	}, map[string]input{msg.Segment + "-0001": {msg.Segment, segment}}, msg.Video, msg.Thumbnail)
	if err != nil {
		return output{}, err
	}
	at.finished()
	return output{video.Frames, recorded.Distinct, video.Bytes}, nil
}

// handle runs one of the transcoder's stages in a folder of its own.
func (m mp4) handle(ctx context.Context, s store, kind msg.Kind, dir string, params any, inputs map[string]input, outputs ...string) (msg.VideoFacts, error) {
	own := filepath.Join(dir, string(kind))
	if err := os.Mkdir(own, 0o755); err != nil {
		return msg.VideoFacts{}, fmt.Errorf("make a folder: %w", err)
	}
	defer os.RemoveAll(own)
	task, err := s.task(kind, params, own, inputs, outputs...)
	if err != nil {
		return msg.VideoFacts{}, err
	}
	facts, err := m.handlers[kind].Handle(ctx, task)
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

func (s store) task(kind msg.Kind, params any, dir string, inputs map[string]input, outputs ...string) (*stage.Task, error) {
	raw, err := json.Marshal(params)
	if err != nil {
		return nil, fmt.Errorf("write parameters: %w", err)
	}
	grant := msg.Grant{
		Ref: msg.NewRef(kind, uuid.New(), uuid.New()), Attempt: 1, Params: raw,
		Inputs: map[string]msg.Input{}, Outputs: map[string]msg.Output{},
	}
	for name, in := range inputs {
		facts, err := json.Marshal(in.facts)
		if err != nil {
			return nil, fmt.Errorf("write facts: %w", err)
		}
		grant.Inputs[name] = msg.Input{Key: in.name, URL: msg.SignedURL(s.url + "/" + in.name), Facts: facts}
	}
	for _, name := range outputs {
		grant.Outputs[name] = msg.Output{
			Key: name, URL: msg.SignedURL(s.url + "/" + name), ContentType: "application/octet-stream",
		}
	}
	return stage.NewTask(grant, dir, zerolog.Nop()), nil
}
