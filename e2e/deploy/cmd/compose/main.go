// Command compose runs deploy/compose.yml for real: it brings it up, submits campaigns from
// outside, scales, kills containers, restarts servers, rolls every service to a new image under
// load, and restores a backup into an empty deployment. Every render must come out right, once. It
// needs Docker with compose and buildx, and ffprobe, on Linux. It uses a project and ports of its
// own.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/loom-lite/loom-lite/e2e/deploy/timeline"
)

func main() {
	report := flag.String("report", "", "write the report to this `file` too")
	keep := flag.Bool("keep", false, "leave containers and volumes for a look at them")
	build := flag.Bool("build", true, "build the images first")
	patience := flag.Duration("patience", 20*time.Minute, "how long a batch of renders may take")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	r := &run{log: timeline.New(os.Stdout), patience: *patience, keep: *keep, build: *build}
	err := r.all(ctx)
	if err != nil {
		r.log.Add("FAILED: %v", err)
	}
	if *report != "" {
		err = errors.Join(err, os.WriteFile(*report, []byte(r.log.Report("deploy/compose.yml for real", "", err)), 0o600))
	}
	if err != nil {
		os.Exit(1)
	}
}

// run is one run of everything.
type run struct {
	log         *timeline.Timeline
	site        *site
	patience    time.Duration
	keep, build bool
	submitted   int // renders
}

func (r *run) all(ctx context.Context) (err error) {
	if r.site, err = serveSite(ctx); err != nil {
		return err
	}
	defer r.site.close()
	d := newDeployment(r, "loom-e2e", 25000)
	defer func() { err = errors.Join(err, r.remove(d)) }()
	if err := r.up(ctx, d); err != nil {
		return err
	}
	for _, part := range []struct {
		name string
		do   func(context.Context, *deployment) error
	}{
		{"sealed", r.sealed},
		{"scale", r.scale},
		{"kill", r.kill},
		{"restart servers", r.restart},
		{"roll", r.roll},
	} {
		began := time.Now()
		if err := part.do(ctx, d); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", part.name, err), d.logs(ctx))
		}
		r.log.Add("**%s**: passed in %s", part.name, time.Since(began).Round(time.Second))
	}
	return r.restore(ctx, d)
}

func (r *run) remove(d *deployment) error {
	if r.keep {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	_, err := d.compose(ctx, "--profile", "tools", "down", "--volumes", "--timeout", "5")
	return err
}

func (r *run) up(ctx context.Context, d *deployment) error {
	if r.build {
		began := time.Now()
		if _, err := d.compose(ctx, "build"); err != nil {
			return err
		}
		r.log.Add("images built in %s", time.Since(began).Round(time.Second))
	}
	began := time.Now()
	if _, err := d.compose(ctx, "up", "--detach", "--wait", "--wait-timeout", "600"); err != nil {
		return errors.Join(err, d.logs(ctx))
	}
	r.log.Add("up and healthy in %s", time.Since(began).Round(time.Second))
	return d.signIn(ctx)
}

// sealed looks at what a recorder reaches, and as whom it runs.
func (r *run) sealed(ctx context.Context, d *deployment) error {
	// bash's own way to open connections: the image has no other. 124 is of timeout.
	const reach = `timeout 3 bash -c ': >/dev/tcp/%s' 2>/dev/null && echo yes || echo no`
	var errs []error
	ids, err := d.containers(ctx, "ingest")
	if err != nil || len(ids) != 1 {
		return fmt.Errorf("look for ingest: %q, %w", ids, err)
	}
	addresses := map[string]string{"nats/4222": "yes", "s3/7070": "yes", "nats/8222": "no", "postgres/5432": "no", "ingest/3100": "no",
		"uploader/3100": "no", "console/3200": "no", "transcoder/3100": "no", "s3-keys/7075": "no"}
	networks, err := docker(ctx, "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}", ids[0])
	if err != nil {
		return err
	}
	for _, ip := range fields(networks) {
		addresses[ip+"/3100"] = "no" // not by its address either
	}
	for address, want := range addresses {
		got, err := d.compose(ctx, "exec", "-T", "recorder", "bash", "-c", fmt.Sprintf(reach, address))
		if err != nil || trim(got) != want {
			errs = append(errs, fmt.Errorf("the recorder reaches %s: %s, want %s (%w)", address, trim(got), want, orNil(err)))
		}
	}
	for _, service := range []string{"ingest", "recorder", "transcoder", "uploader", "console"} {
		status, err := d.compose(ctx, "exec", "-T", service, "bash", "-c",
			`grep -E '^(CapEff|NoNewPrivs)' /proc/1/status; id -u; touch /usr/x 2>/dev/null && echo writable || echo sealed`)
		if got := fields(status); err != nil || len(got) != 6 || got[1] != "0000000000000000" || got[3] != "1" || got[4] != "10001" || got[5] != "sealed" {
			errs = append(errs, fmt.Errorf("%s runs as %q, %w", service, got, orNil(err)))
		}
	}
	logs, err := d.compose(ctx, "logs", "--no-log-prefix", "recorder")
	if err != nil || !contains(logs, `"sandbox":true`) {
		errs = append(errs, fmt.Errorf("Chrome has no sandbox (%w)", orNil(err))) //nolint:staticcheck // Chrome is a name
	}
	return errors.Join(errs...)
}

// scale adds replicas while renders are under way. The new ones must work.
func (r *run) scale(ctx context.Context, d *deployment) error {
	load, err := d.load(ctx)
	if err != nil {
		return err
	}
	defer load.quit()
	since, replicas := time.Now(), map[string]int{"recorder": 3, "transcoder": 2, "ingest": 2}
	if _, err := d.compose(ctx, "up", "--detach", "--no-recreate", "--scale", "recorder=3", "--scale", "transcoder=2", "--scale", "ingest=2"); err != nil {
		return err
	}
	for service, n := range replicas {
		ids, err := d.containers(ctx, service)
		if err != nil || len(ids) != n {
			return fmt.Errorf("there are %d of %s, want %d (%w)", len(ids), service, n, orNil(err))
		}
		if err := d.awaitWork(ctx, service, ids, since); err != nil {
			return err
		}
	}
	r.log.Add("scaled to recorder=3 transcoder=2 ingest=2 under load; each has done tasks")
	return load.check(ctx)
}

// kill kills a container of each kind of worker that has a task, and an ingest.
func (r *run) kill(ctx context.Context, d *deployment) error {
	load, err := d.load(ctx)
	if err != nil {
		return err
	}
	defer load.quit()
	since := time.Now()
	for _, service := range []string{"recorder", "ingest", "transcoder", "uploader"} {
		var id string
		if service == "recorder" || service == "transcoder" {
			id, err = d.busy(ctx, service)
		} else {
			var ids []string
			if ids, err = d.containers(ctx, service); err == nil && len(ids) > 0 {
				id = ids[0]
			}
		}
		if err != nil || id == "" {
			return fmt.Errorf("look for a container of %s to kill: %w", service, orNil(err))
		}
		killed := time.Now()
		if _, err := docker(ctx, "kill", "--signal", "KILL", id); err != nil {
			return err
		}
		// Docker does not start again what was killed by hand.
		if _, err := docker(ctx, "start", id); err != nil {
			return err
		}
		if err := d.awaitWork(ctx, service, []string{id}, killed); err != nil {
			return err
		}
		r.log.Add("killed a container of %s; started again, it did its next task %s later", service, time.Since(killed).Round(time.Second))
	}
	if err := load.check(ctx); err != nil {
		return err
	}
	out, err := d.sql(ctx, fmt.Sprintf("select count(*) from loom.attempts where outcome = 'lapsed' and ended_at > '%s'", stamp(since)))
	if err != nil || trim(out) == "0" {
		return fmt.Errorf("%s attempts have lapsed: no task was killed (%w)", trim(out), orNil(err))
	}
	r.log.Add("%s attempts of killed workers have lapsed, and their tasks were done by others", trim(out))
	return nil
}

// restart restarts NATS and Postgres while renders are under way.
func (r *run) restart(ctx context.Context, d *deployment) error {
	load, err := d.load(ctx)
	if err != nil {
		return err
	}
	defer load.quit()
	for _, server := range []string{"nats", "postgres"} {
		began := time.Now()
		if _, err := d.compose(ctx, "restart", server); err != nil {
			return err
		}
		took := time.Since(began)
		unhealthy, err := docker(ctx, "ps", "--filter", "label=com.docker.compose.project="+d.project, "--filter", "health=unhealthy", "--format", "{{.Names}}")
		if err != nil || trim(unhealthy) != "" {
			return fmt.Errorf("unhealthy for the sake of %s: %s %w", server, trim(unhealthy), orNil(err))
		}
		for _, service := range []string{"recorder", "transcoder", "uploader"} {
			ids, err := d.containers(ctx, service)
			if err != nil {
				return err
			}
			if err := d.awaitWork(ctx, service, ids, began.Add(took)); err != nil {
				return err
			}
		}
		r.log.Add("restarted %s, which took %s; %s later each worker had done a task again",
			server, took.Round(100*time.Millisecond), (time.Since(began) - took).Round(time.Second))
	}
	return load.check(ctx)
}

// roll replaces every service by another build while renders are under way: the new one starts
// beside the old one, which drains when both have worked.
func (r *run) roll(ctx context.Context, d *deployment) error {
	next := *d
	next.version = "next"
	if _, err := next.compose(ctx, "build"); err != nil {
		return err
	}
	r.log.Add("images of another version built")
	load, err := d.load(ctx)
	if err != nil {
		return err
	}
	defer load.quit()
	// First the database, as an upgrade does: the old services work with the new schema.
	if _, err := next.compose(ctx, "run", "--rm", "-T", "--no-deps", "migrate"); err != nil {
		return err
	}
	r.log.Add("migrated by the new image, with the old services at work")
	for _, service := range []string{"ingest", "recorder", "transcoder", "uploader"} {
		old, err := d.containers(ctx, service)
		if err != nil {
			return err
		}
		if _, err := next.compose(ctx, "up", "--detach", "--no-deps", "--no-recreate", "--scale", fmt.Sprintf("%s=%d", service, 2*len(old)), service); err != nil {
			return err
		}
		if err := next.awaitReady(ctx, service, 2*len(old)); err != nil {
			return err
		}
		both, err := d.containers(ctx, service)
		if err != nil {
			return err
		}
		beside := time.Now()
		if err := d.awaitWork(ctx, service, both, beside); err != nil {
			return err
		}
		r.log.Add("%s: %d of the old image and %d of the new one side by side; each did tasks", service, len(old), len(old))
		for _, id := range old {
			if _, err := docker(ctx, "stop", "--time", "45", id); err != nil {
				return err
			}
			if code, err := docker(ctx, "inspect", "--format", "{{.State.ExitCode}}", id); err != nil || trim(code) != "0" {
				return fmt.Errorf("a container of %s ended with %s, not 0 (%w)", service, trim(code), orNil(err))
			}
			if _, err := docker(ctx, "rm", id); err != nil {
				return err
			}
		}
		r.log.Add("%s: the old ones have drained", service)
	}
	// Its port can be published once.
	if _, err := next.compose(ctx, "up", "--detach", "--no-deps", "--wait", "console"); err != nil {
		return err
	}
	r.log.Add("all services rolled; the console was away while it was replaced")
	versions, err := docker(ctx, "ps", "--filter", "label=com.docker.compose.project="+d.project, "--format", "{{.Image}}")
	if err != nil || contains(versions, "loom-lite/") && contains(versions, ":dev") {
		return fmt.Errorf("containers of the old images are left: %s, %w", versions, orNil(err))
	}
	d.version = next.version
	if err := load.check(ctx); err != nil {
		return err
	}
	out, err := d.sql(ctx, "select count(*) from loom.attempts where outcome = 'handed_back'")
	r.log.Add("attempts that were handed back by those that drained: %s", trim(out))
	return err
}
