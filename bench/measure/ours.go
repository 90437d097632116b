package measure

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/facecam"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/ingest/inprocess"
	"github.com/loom-lite/loom-lite/services/ingest/plan"
	"github.com/loom-lite/loom-lite/services/recorder"
	"github.com/loom-lite/loom-lite/services/transcoder"
)

// tasks plans a render of the job's page, without the upload of what it makes.
func (j Job) tasks() []plan.Task {
	r := &plan.Render{
		Width: j.Width, Height: j.Height, Rate: msg.FPS(j.FPS), Facecam: j.Facecam,
		Scenes: []plan.RenderScene{{URL: j.Page, Frames: j.Frames}},
	}
	if j.Facecam != "" {
		r.Bubble = facecam.BubbleOf(facecam.Options{}, r.Width, r.Height, r.Rate, j.Frames)
	}
	tasks := plan.Build(r, 0, uuid.New)
	return tasks[:len(tasks)-1]
}

// pieces are the frames of each piece that the scene is recorded in.
func (j Job) pieces() []int { return j.recording().Pieces }

// recording are the parameters of the task that records the page.
func (j Job) recording() msg.RecordParams { return j.tasks()[0].Params.(msg.RecordParams) }

// ours is our recorder and, for a finished mp4, our transcoder.
type ours struct {
	job        Job
	recorder   *recorder.Recorder
	transcoder *transcoder.Transcoder
}

func newOurs(job Job, environ map[string]string) (ours, error) {
	settings := serviceSettings(environ, "CHROME_PATH", "CHROME_SANDBOX", "RECORDER_PINNING", "RECORDER_HUGE_PAGES")
	if settings["CHROME_SANDBOX"] = "on"; !sandbox(environ) {
		settings["CHROME_SANDBOX"] = "off"
	}
	cfg, err := recorder.LoadConfig(settings, "NATS_URL")
	if err != nil {
		return ours{}, err
	}
	r, err := recorder.New(cfg)
	return ours{job: job, recorder: r}, err
}

// newMP4 returns what makes the job's scenes into mp4s, as many at once as there are.
func newMP4(job Job, environ map[string]string) (run tool, release func(), err error) {
	o, err := newOurs(job, environ)
	if err != nil {
		return nil, nil, err
	}
	// As many encoders as scenes share the cores.
	if o.transcoder, err = newTranscoder(environ, job.Scenes); err != nil {
		return nil, nil, err
	}
	return o.mp4, o.transcoder.Close, nil
}

func newTranscoder(environ map[string]string, slots int) (*transcoder.Transcoder, error) {
	settings := serviceSettings(environ, "FFMPEG_PATH", "FFPROBE_PATH")
	settings["TRANSCODER_SLOTS"] = strconv.Itoa(slots)
	cfg, err := transcoder.LoadConfig(settings, "NATS_URL")
	if err != nil {
		return nil, err
	}
	return transcoder.New(cfg)
}

// serviceSettings are the settings with these names that environ has. Pages may be reached.
func serviceSettings(environ map[string]string, names ...string) map[string]string {
	settings := map[string]string{"EGRESS_ALLOW": pagesHost}
	for _, name := range names {
		settings[name] = environ[name]
	}
	return settings
}

// sandbox reports whether Chrome gets its sandbox. As root it has none, whatever the setting.
func sandbox(environ map[string]string) bool {
	return os.Geteuid() != 0 && environ["CHROME_SANDBOX"] != "off"
}

// mezzanine records the scene into dir.
func (o ours) mezzanine(ctx context.Context, dir string, m marks) (output, error) {
	facts, err := o.recorder.Record(ctx, recorder.Job{
		Params: o.job.recording(), Dir: dir, Log: zerolog.Nop(),
		Progress: func(frames int) {
			switch frames {
			case 1:
				m.first()
			case o.job.Frames:
				m.finished()
			}
		},
	})
	return output{frames: facts.Frames, distinct: facts.Distinct, bytes: facts.Bytes}, err
}

// mp4 makes a finished video, with the stages of a render. Each piece is normalized while the next
// is recorded.
func (o ours) mp4(ctx context.Context, dir string, m marks) (output, error) {
	tasks := o.job.tasks()
	facts, err := o.runner(dir, m).Run(ctx, tasks)
	if err != nil {
		return output{}, err
	}
	m.finished()
	var recorded msg.RecordFacts
	var video msg.VideoFacts
	if err := json.Unmarshal(facts[tasks[0].ID], &recorded); err != nil {
		return output{}, fmt.Errorf("read what was recorded: %w", err)
	}
	if err := json.Unmarshal(facts[tasks[len(tasks)-1].ID], &video); err != nil {
		return output{}, fmt.Errorf("read what was made: %w", err)
	}
	return output{frames: video.Frames, distinct: recorded.Distinct, bytes: video.Bytes}, nil
}

// store records the scene and leaves its pieces in the job's folder.
func (o ours) store(ctx context.Context, dir string, m marks) (output, error) {
	record, r := o.job.tasks()[0], o.runner(dir, m)
	if _, err := r.Run(ctx, []plan.Task{record}); err != nil {
		return output{}, err
	}
	m.finished()
	for name := range record.Outputs {
		if err := os.Rename(r.Path(record, name), filepath.Join(o.job.Dir, name)); err != nil {
			return output{}, fmt.Errorf("keep a piece: %w", err)
		}
	}
	return output{frames: o.job.Frames}, nil
}

// runner runs the tasks of one scene in dir.
func (o ours) runner(dir string, m marks) *inprocess.Runner {
	workers := []inprocess.Worker{{Handlers: o.recorder.Handlers(), Slots: 1}}
	if o.transcoder != nil {
		workers = append(workers, inprocess.Worker{Handlers: o.transcoder.Handlers(), Slots: 1})
	}
	var first sync.Once
	return &inprocess.Runner{Workers: workers, Dir: dir, Log: zerolog.Nop(), Progress: func(t plan.Task, fraction float64) {
		if t.Kind == msg.Record && fraction > 0 {
			first.Do(m.first)
		}
	}}
}
