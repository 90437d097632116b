package scaling

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/bench/control"
	"github.com/loom-lite/loom-lite/bench/process"
	"github.com/loom-lite/loom-lite/bench/system"
)

// Job is one measurement: a campaign that is rendered by a number of recorders.
type Job struct {
	Recorders int `json:"recorders"`
	// Scenes of Seconds of the page at URL.
	Scenes  int     `json:"scenes"`
	Seconds float64 `json:"seconds"`
	Width   int     `json:"width"`
	Height  int     `json:"height"`
	FPS     int     `json:"fps"`
	// Alone: the transcoder is paused until all scenes are recorded.
	Alone bool   `json:"alone"`
	URL   string `json:"-"`
	// Programs is the folder of the services.
	Programs string `json:"-"`
}

// Result is what a measurement came to.
type Result struct {
	// Record is the time from the first scene's begin until the last one is recorded, and Whole
	// that from when the render was queued until its video is stored.
	Record time.Duration `json:"record_ns"`
	Whole  time.Duration `json:"whole_ns"`
	// Busy is the share of Record in which a recorder had a scene, of all recorders together.
	Busy float64 `json:"busy"`
	// Bytes is what the recorders stored.
	Bytes int64 `json:"mezzanine_bytes"`
	// CPU is what the recorders and their browsers used for the scenes.
	CPU time.Duration `json:"recorders_cpu_ns"`
}

// Measure renders the campaign.
func Measure(ctx context.Context, s *control.Servers, job Job) (r Result, err error) {
	cores, err := process.Cores()
	if err != nil {
		return r, err
	}
	if job.Recorders > len(cores) {
		return r, fmt.Errorf("%d recorders need %d cores; there are %d", job.Recorders, job.Recorders, len(cores))
	}
	sys, err := system.Start(ctx, s, job.Programs)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, sys.Stop()) }()
	if err := start(ctx, sys, job, cores); err != nil {
		return r, err
	}
	// Browsers, fonts and pages are read from the disk once.
	warm, err := submit(ctx, sys, job, job.Recorders)
	if err == nil {
		err = sys.Await(ctx, "the first render is done", ended(sys, warm))
	}
	if err != nil {
		return r, err
	}
	if job.Alone {
		if err := sys.Loom(ctx, "pause", "transcode"); err != nil {
			return r, err
		}
	}
	id, err := submit(ctx, sys, job, job.Scenes)
	if err != nil {
		return r, err
	}
	if err := sys.Await(ctx, "all scenes are recorded", recorded(sys, id)); err != nil {
		return r, err
	}
	if job.Alone {
		if err := sys.Loom(ctx, "resume", "transcode"); err != nil {
			return r, err
		}
	}
	if err := sys.Await(ctx, "the render is done", ended(sys, id)); err != nil {
		return r, err
	}
	return r, r.read(ctx, sys, job, id)
}

// start starts the services and waits until all are ready.
func start(ctx context.Context, sys *system.System, job Job, cores []int) error {
	var started []*system.Service
	run := func(name string, core int, settings ...string) error {
		p, err := sys.Run(name, core, settings...)
		started = append(started, p)
		return err
	}
	err := errors.Join(run("ingest", system.AnyCore, "RECORD_PER_HOST=0"), run("transcoder", system.AnyCore, "TRANSCODER_SLOTS=1"), run("uploader", system.AnyCore))
	for n := range job.Recorders {
		err = errors.Join(err, run("recorder", cores[n], "RECORDER_SLOTS=1", "EGRESS_ALLOW=127.0.0.0/8"))
	}
	if err != nil {
		return err
	}
	return sys.Await(ctx, "all services are ready", func(ctx context.Context) (bool, error) {
		for _, p := range started {
			if !p.Ready(ctx) {
				return false, nil
			}
		}
		return true, nil
	})
}

// submit queues a render of so many scenes, as the app does. Each scene is a page of its own, so
// none is used again.
func submit(ctx context.Context, sys *system.System, job Job, scenes int) (id string, err error) {
	err = sys.DB.QueryRow(ctx, `
		with c as (insert into campaigns (name, user_id, output_width, output_height, output_fps) values ('scaling', $1::text::uuid, $4::int, $5::int, $6::int) returning id),
		     s as (insert into scenes (campaign_id, url, duration_sec, order_index)
		           select c.id, $3::text || '?' || c.id || n, $7::float8, n from c cross join generate_series(1, $2::int) n returning 1),
		     r as (insert into renders (campaign_id) select id from c returning id)
		select r.id::text from r where (select count(*) from s) = $2::int`,
		uuid.NewString(), scenes, job.URL, job.Width, job.Height, job.FPS, job.Seconds).Scan(&id)
	if err == nil {
		_, err = sys.DB.Exec(ctx, "insert into render_jobs (render_id) values ($1::text::uuid)", id)
	}
	if err != nil {
		return "", fmt.Errorf("queue a render: %w", err)
	}
	return id, nil
}

// ended says whether the render is done, and fails if it has ended otherwise.
func ended(sys *system.System, id string) func(context.Context) (bool, error) {
	return func(ctx context.Context) (bool, error) {
		var status, why string
		err := sys.DB.QueryRow(ctx, "select status, coalesce(error_message, '') from renders where id = $1::text::uuid", id).Scan(&status, &why)
		if err == nil && (status == "failed" || status == "cancelled") {
			err = fmt.Errorf("the render is %s: %s", status, why)
		}
		return status == "done", err
	}
}

// recorded says whether all scenes of a render are recorded.
func recorded(sys *system.System, id string) func(context.Context) (bool, error) {
	return func(ctx context.Context) (done bool, err error) {
		if _, err := ended(sys, id)(ctx); err != nil {
			return false, err
		}
		err = sys.DB.QueryRow(ctx, `select count(*) > 0 and count(*) = count(*) filter (where state = 'done')
			from loom.tasks where render_id = $1::text::uuid and kind = 'record'`, id).Scan(&done)
		return done, err
	}
}

// read reads from the rows when what happened.
func (r *Result) read(ctx context.Context, sys *system.System, job Job, id string) error {
	var tries int
	var record, busy, cpu, whole float64
	err := sys.DB.QueryRow(ctx, `
		select count(*), extract(epoch from max(a.ended_at) - min(a.granted_at))::float8,
		       sum(extract(epoch from a.ended_at - a.granted_at))::float8,
		       sum((a.used->>'bytes_out')::bigint)::bigint,
		       sum((a.used->>'children_cpu_ms')::float8 + (a.used->>'worker_cpu_ms')::float8) / 1000,
		       (select extract(epoch from r.completed_at - j.created_at)::float8
		          from renders r join render_jobs j on j.render_id = r.id where r.id = $1::text::uuid)
		  from loom.attempts a join loom.tasks t on t.id = a.task_id
		 where t.render_id = $1::text::uuid and t.kind = 'record'`, id).Scan(&tries, &record, &busy, &r.Bytes, &cpu, &whole)
	if err != nil {
		return fmt.Errorf("read when it was recorded: %w", err)
	}
	if tries != job.Scenes {
		return fmt.Errorf("%d scenes took %d attempts", job.Scenes, tries)
	}
	r.Record, r.Whole, r.CPU = seconds(record), seconds(whole), seconds(cpu)
	r.Busy = busy / record / float64(job.Recorders)
	return nil
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
