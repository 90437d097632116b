package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/cmd/loom/local"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/services/ingest/inprocess"
	"github.com/loom-lite/loom-lite/services/ingest/plan"
	"github.com/loom-lite/loom-lite/services/recorder"
	"github.com/loom-lite/loom-lite/services/transcoder"
)

// soloJob renders one page in this process.
type soloJob struct {
	app     *app
	outputs *captureOutputs
	result  *captured

	record     recorder.Config
	transcode  transcoder.Config
	recorder   *recorder.Recorder
	transcoder *transcoder.Transcoder
}

// configure reads the settings and makes recorder and transcoder. Pages may reach allow in any
// case.
func (j *soloJob) configure(allow string) error {
	settings, unsandboxed, err := local.Alone(j.app.environ, allow)
	if err != nil {
		return err
	}
	if unsandboxed {
		j.app.say("%s", local.Unsandboxed)
	}
	// Names that other programs use, too, and that say nothing to a command that serves nothing.
	for _, name := range []string{"PORT", "LOG_LEVEL", "LOG_FORMAT", "DRAIN_TIMEOUT", "PPROF"} {
		delete(settings, name)
	}
	if j.record, err = recorder.LoadConfig(settings, "NATS_URL"); err != nil {
		return err
	}
	if j.transcode, err = transcoder.LoadConfig(settings, "NATS_URL"); err != nil {
		return err
	}
	j.transcode.Slots = 1 // one encoder, with all cores
	if j.recorder, err = recorder.New(j.record); err != nil {
		return err
	}
	j.transcoder, err = transcoder.New(j.transcode)
	return err
}

// run makes the video and its thumbnail.
func (j *soloJob) run(ctx context.Context, render *plan.Render) error {
	defer j.transcoder.Close()
	found, err := j.recorder.Check(ctx)
	if ctx.Err() != nil {
		return context.Canceled
	}
	if err != nil {
		return fmt.Errorf("check Chrome: %w", err)
	}
	if found.Mode != msg.ModeExact {
		j.app.say("warning: %s", recorder.NoFrameControl)
	}
	if _, err := transcoder.CheckFFmpeg(ctx, j.transcode.FFmpegPath, j.transcode.FFprobePath); err != nil {
		return err
	}
	if err := j.outputs.removeBundle(); err != nil {
		return err
	}
	work, err := os.MkdirTemp(j.record.WorkDir, "loom-capture-")
	if err != nil {
		return fmt.Errorf("make work folder: %w", err)
	}
	defer func() {
		if err := os.RemoveAll(work); err != nil {
			j.app.say("the work folder could not be removed: %v", err)
		}
	}()
	tasks := plan.Build(render, 0, uuid.New)
	view := newSoloView(j.app, tasks)
	defer view.close()
	runner := &inprocess.Runner{
		Workers: []inprocess.Worker{
			{Handlers: j.recorder.Handlers(), Slots: 1},
			{Handlers: j.transcoder.Handlers(), Slots: j.transcode.Slots},
			{Handlers: map[msg.Kind]stage.Handler{msg.Upload: stage.HandlerFunc(j.upload)}, Slots: 1},
		},
		Dir: work, Log: zerolog.Nop(), Progress: view.update,
	}
	facts, err := runner.Run(ctx, tasks)
	if err != nil {
		j.keepBundle(err)
		return err
	}
	if err := j.outputs.keep(); err != nil {
		return err
	}
	return j.conclude(tasks, facts)
}

// upload takes the finished files out of the work folder.
func (j *soloJob) upload(ctx context.Context, t *stage.Task) (any, error) {
	for name, out := range map[string]*output{msg.Video: j.outputs.video, msg.Thumbnail: j.outputs.thumbnail} {
		path := filepath.Join(t.Dir, name)
		if err := t.Fetch(ctx, name, path); err != nil {
			return nil, err
		}
		if err := out.fill(path); err != nil {
			return nil, err
		}
	}
	return msg.UploadFacts{}, nil
}

// keepBundle keeps the failure bundle of a task that failed.
func (j *soloJob) keepBundle(err error) {
	var failure *inprocess.Failure
	if !errors.As(err, &failure) || failure.Bundle == "" {
		return
	}
	if err := j.outputs.keepBundle(failure.Bundle); err != nil {
		j.app.say("%v", err)
		return
	}
	j.result.Bundle = &j.outputs.bundle
}

// conclude reads what was measured on the way.
func (j *soloJob) conclude(tasks []plan.Task, facts map[uuid.UUID]json.RawMessage) error {
	var recorded msg.RecordFacts
	var video msg.VideoFacts
	for _, t := range tasks {
		var err error
		switch t.Kind {
		case msg.Record:
			err = json.Unmarshal(facts[t.ID], &recorded)
		case msg.Concat:
			err = json.Unmarshal(facts[t.ID], &video)
		}
		if err != nil {
			return fmt.Errorf("read what %s found out: %w", t.Kind, err)
		}
	}
	r := j.result
	r.Distinct, r.Mode, r.Warnings = recorded.Distinct, recorded.Mode, recorded.Warnings
	r.Frames, r.Bytes = video.Frames, video.Bytes
	r.Output, r.Thumbnail = &j.outputs.video.path, &j.outputs.thumbnail.path
	return nil
}
