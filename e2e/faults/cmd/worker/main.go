// Command worker is a stage worker that makes no media. It takes the tasks of a recorder or of a
// transcoder, reads and stores small texts through pkg/stage as those do, and writes down what it
// did. So hundreds of renders fit into a run that tests neither Chrome nor FFmpeg.
//
// What a text says follows from the texts that its task reads and from its parameters: the finished
// "video" lists every page and how many frames of it there are, in order.
package main

import (
	"context"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/service"
	"github.com/loom-lite/loom-lite/pkg/stage"
)

// config is the worker's settings.
type config struct {
	service.Base
	// Stage is the one whose tasks it takes.
	Stage string `env:"FAULTS_STAGE,required" oneof:"recorder transcoder"`
	// Slots is how many tasks run at once.
	Slots int `env:"FAULTS_SLOTS" envDefault:"2" min:"1"`
	// WorkDir holds the tasks' folders.
	WorkDir string `env:"WORK_DIR,required"`
	// Journal is the file to which a line is appended when an attempt begins, fails and ends.
	Journal string `env:"FAULTS_JOURNAL,required"`
	// Work is the longest time that a task takes.
	Work time.Duration `env:"FAULTS_WORK" envDefault:"300ms"`
	// Bad is what the URL of a page ends with that cannot be recorded; empty: every page can.
	Bad string `env:"FAULTS_BAD"`
	// Long is what the URL of a page ends with that takes a minute.
	Long string `env:"FAULTS_LONG"`
	// Fail is the share of attempts that fail, and are to be tried again.
	Fail float64 `env:"FAULTS_FAIL"`
	// Meet is where tasks of one render wait for one another at their end; empty: nowhere.
	Meet string `env:"FAULTS_MEET"`
}

func main() {
	service.Main("faults-worker", func(ctx context.Context, environ map[string]string, log zerolog.Logger) error {
		var cfg config
		var problems service.Problems
		problems.Load(&cfg, environ)
		if err := problems.Err(); err != nil {
			return err
		}
		cfg.Log = log
		return run(ctx, cfg)
	})
}

func run(ctx context.Context, cfg config) error {
	nc, err := cfg.ConnectNATS(cfg.Stage)
	if err != nil {
		return err
	}
	defer nc.Close()
	w, err := newWork(cfg)
	if err != nil {
		return err
	}
	defer w.close()
	settings := stage.Config{
		Verb: msg.ConsumerRecord, Slots: cfg.Slots, Fetches: 4, WorkerID: cfg.WorkerID, Drain: cfg.Drain, WorkDir: cfg.WorkDir,
		Registry: cfg.Metrics(), Log: cfg.Log, Handlers: map[msg.Kind]stage.Handler{msg.Record: w.of(w.record)},
	}
	if cfg.Stage == "transcoder" {
		settings.Verb = msg.ConsumerTranscode
		settings.Handlers = map[msg.Kind]stage.Handler{
			msg.Probe: w.of(w.probe), msg.Draw: w.of(w.draw), msg.Normalize: w.of(w.normalize), msg.Concat: w.of(w.concat),
			msg.Overlay: w.of(w.overlay),
		}
	}
	worker, err := stage.New(nc, settings)
	if err != nil {
		return fmt.Errorf("make the worker: %w", err)
	}
	stop, err := cfg.Serve(worker.Ready)
	if err != nil {
		return err
	}
	defer stop()
	return worker.Run(ctx)
}
