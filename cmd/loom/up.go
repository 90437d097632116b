package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/cmd/loom/local"
	"github.com/loom-lite/loom-lite/pkg/service"
	"github.com/loom-lite/loom-lite/pkg/telemetry"
	"github.com/loom-lite/loom-lite/services/console/access"
)

type upCmd struct {
	dataFlag
	Adopt     bool   `help:"Use the servers that DATABASE_URL, NATS_URL and S3_ENDPOINT name, migrate that database and claim its jobs."`
	ReadyFile string `placeholder:"FILE" help:"When everything is ready, write the addresses to FILE, in dotenv format."`
}

// Help is shown by loom up --help.
func (upCmd) Help() string {
	return `Starts Postgres, NATS, S3 and all services, all on 127.0.0.1, with their data in one folder. With --adopt it uses
servers of yours in their place, those that DATABASE_URL, NATS_URL and S3_ENDPOINT (with its keys) name: it migrates that
database and claims its render jobs. Without --adopt it refuses to start if one of them is set. The first Ctrl-C waits
for running work, the second kills everything at once.

Pages may reach public addresses and everything on this machine's loopback addresses, because pages under development
are there. Set EGRESS_ALLOW to name what they may reach instead of loopback.`
}

// What the holders of a data folder call themselves.
const (
	holderUp     = "loom up"
	holderRender = "loom render --local"
)

// Run starts everything and returns when it has been stopped.
func (c *upCmd) Run(ctx context.Context, a *app) error {
	dir, err := c.dir()
	if err != nil {
		return err
	}
	ready := c.ReadyFile
	if ready != "" {
		if ready, err = filepath.Abs(ready); err != nil {
			return fmt.Errorf("find the ready file: %w", err)
		}
	}
	flush, err := telemetry.Start(ctx, telemetry.Service{Name: "loom", Instance: "loom-up", Version: service.Version()}, a.environ, a.log())
	if err != nil {
		return usageError{err}
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		flush(ctx)
	}()
	stack, err := local.Start(ctx, local.Options{
		Dir: dir, Command: holderUp, ReadyFile: ready, Environ: a.environ, Adopt: c.Adopt, Log: a.log(),
	})
	var foreign *local.ForeignError
	if errors.As(err, &foreign) {
		return a.unadopted(foreign)
	}
	if err != nil {
		return startError(err)
	}
	a.describe(ctx, c.dataFlag, dir, stack)
	select {
	case <-ctx.Done():
		a.say("stopping: waiting for running work (Ctrl-C again kills it)")
	case <-stack.Failed():
		a.say("a server or a service has ended unexpectedly: stopping")
	}
	return stack.Close()
}

// startError says what to do about a folder that is in use.
func startError(err error) error {
	var inUse *local.InUseError
	if errors.As(err, &inUse) {
		return fmt.Errorf("%w: stop it, or choose another folder with --data", err)
	}
	var readyFile *local.ReadyFileError
	if errors.Is(err, service.ErrConfig) || errors.As(err, &readyFile) {
		return usageError{err}
	}
	return err
}

// log is the logger of services that run in this process: for people, unless LOG_FORMAT says
// otherwise.
func (a *app) log() zerolog.Logger {
	if format := a.environ["LOG_FORMAT"]; format != "" && format != service.FormatConsole {
		return service.Logger(a.stderr, a.environ["LOG_LEVEL"], format)
	}
	console := zerolog.ConsoleWriter{Out: a.stderr, TimeFormat: time.TimeOnly, NoColor: !a.terminal}
	return service.Logger(console, a.environ["LOG_LEVEL"], service.FormatJSON)
}

// describe prints where everything is. The passwords are in the ready file.
func (a *app) describe(ctx context.Context, d dataFlag, dir string, stack *local.Stack) {
	s := stack.Settings()
	file := local.ReadyFile(dir)
	a.printf("\nloom is up.\n\n")
	a.printf("  Postgres    %s\n", withoutPassword(s["DATABASE_URL"]))
	a.printf("  NATS        %s\n", withoutPassword(s["NATS_URL"]))
	a.printf("  S3          %s   buckets %s, %s, %s\n", s["S3_ENDPOINT"],
		s["STORAGE_BUCKET_VIDEOS"], s["STORAGE_BUCKET_THUMBNAILS"], s["STORAGE_BUCKET_WORK"])
	for _, name := range []string{"ingest", "recorder", "transcoder", "uploader", "console"} {
		a.printf("  %-10s  %s   /readyz, /metrics\n", name, s["LOOM_"+strings.ToUpper(name)+"_URL"])
	}
	a.printf("  API         %s/v1   its token is LOOM_API_TOKEN in the settings\n", s["LOOM_API_URL"])
	a.printf("  data        %s   logs in %s\n", dir, filepath.Join(dir, "logs"))
	a.printf("  settings    %s   for a shell: set -a; . %s; set +a\n", file, file)
	if external := stack.External(); len(external) > 0 {
		a.printf("  external    %s\n", strings.Join(external, ", "))
	}
	link, err := a.consoleLink(ctx, d, s, access.Principal{Name: personName(), Scope: access.Admin})
	if err != nil {
		a.say("no link to the dashboard: %v", err)
		link = "loom console link"
	}
	a.printf("\nThe dashboard, signed in (good once; loom console link makes another):\n\n  %s\n", link)
	a.printf("\nRender something there, or with loom render CAMPAIGN.yaml. Ctrl-C stops.\n\n")
}

// withoutPassword leaves out what a URL's user must keep secret.
func withoutPassword(text string) string {
	var list []string
	for part := range strings.SplitSeq(text, ",") { // NATS takes several
		u, err := url.Parse(part)
		if err != nil || u.Host == "" {
			list = append(list, "(set)")
			continue
		}
		clean := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
		if u.User != nil && u.Scheme != "nats" {
			clean.User = url.User(u.User.Username())
		}
		list = append(list, clean.String())
	}
	return strings.Join(list, ",")
}
