package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/cmd/loom/local"
	"github.com/loom-lite/loom-lite/cmd/loom/pages"
	"github.com/loom-lite/loom-lite/migrations"
	"github.com/loom-lite/loom-lite/pkg/grapheme"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/service"
	"github.com/loom-lite/loom-lite/pkg/variables"
	"github.com/loom-lite/loom-lite/services/console/campaign"
	"github.com/loom-lite/loom-lite/services/console/renders"
)

type renderCmd struct {
	Campaign string            `arg:"" placeholder:"CAMPAIGN.yaml" help:"The campaign file."`
	Local    bool              `help:"Run all of loom-lite in this process, for this one render."`
	Out      string            `short:"o" placeholder:"OUT.mp4" help:"Where the video goes; the thumbnail goes to OUT.jpg, previews to OUT.gif and OUT.webp (default: the campaign's name)."`
	Var      map[string]string `name:"var" placeholder:"NAME=VALUE" mapsep:"none" help:"A value for a variable of the campaign. May be repeated."`
	NoCache  bool              `name:"no-cache" help:"Make everything anew: use nothing that was made for another render."`
	JSON     bool              `help:"Print the outcome as one line of JSON, and nothing else on stdout."`
	dataFlag
}

// Help is shown by loom render --help.
func (renderCmd) Help() string {
	return `A page or facecam that is not an http(s) URL is a file beside the campaign file. This command serves such files to the
pipeline on 127.0.0.1, for as long as the render runs.

With --local, pages may reach public addresses, the campaign's own files and everything on this machine's loopback
addresses. Set EGRESS_ALLOW to name what they may reach instead of loopback.`
}

// Run renders the campaign and prints the outcome. Its error is the exit status alone when the
// outcome says it all.
func (c *renderCmd) Run(ctx context.Context, a *app) error {
	begun := time.Now()
	o := &outcome{}
	err := c.render(ctx, a, o)
	o.WallSeconds = seconds(time.Since(begun))
	if c.JSON {
		o.explain(err)
		if err := o.print(a.stdout); err != nil {
			return err
		}
	} else if o.Status == renders.Done && err == nil {
		a.printf("%s  (%d frames, %.2f s, rendered in %.1f s)\n%s\n", *o.Video, o.Frames, o.DurationSeconds, o.WallSeconds, *o.Thumbnail)
		if o.preview != "" {
			a.printf("%s\n", o.preview)
		}
	}
	return err
}

func (c *renderCmd) render(ctx context.Context, a *app, o *outcome) error {
	file, err := campaign.Load(c.Campaign)
	if err != nil {
		return usageError{err}
	}
	out, err := c.named(file)
	if err != nil {
		return usageError{err}
	}
	to, err := c.outputs(file, out)
	if err != nil {
		return usageError{err}
	}
	in, err := a.apiFor(c.Local, file.Local())
	if err != nil {
		return err
	}
	base, allow := "", ""
	if file.Local() {
		server, err := pages.Serve(file.Dir)
		if err != nil {
			return err
		}
		defer func() { _ = server.Close() }()
		base, allow = server.Base(), server.Address()
	}
	work, err := renders.NewSubmission(file, base)
	if err != nil {
		return err
	}
	if work.Values, err = c.values(); err != nil {
		return err
	}
	if invalid := work.Check(); (work.Values != nil || work.Variables != nil) && invalid != nil {
		return usageError{fmt.Errorf("%s: %s", c.Campaign, invalid.Message)}
	}
	if c.NoCache {
		if err := work.WithoutCache(); err != nil {
			return err
		}
	}
	var stack *local.Stack
	if in == nil {
		var settings map[string]string
		if settings, stack, err = a.installation(ctx, c.dataFlag, c.Local, allow); err != nil {
			return err
		}
		if stack != nil {
			defer func() {
				// The video is there all the same.
				if err := stack.Close(); err != nil {
					a.say("stopping: %v", err)
				}
			}()
		}
		if in, err = c.database(ctx, a, settings, stack, file); err != nil {
			return err
		}
	}
	defer in.Close()
	job := &job{app: a, in: in, stack: stack, served: file.Local(), outcome: o}
	return job.run(ctx, work, to)
}

// apiFor returns the deployment behind an API, if a command is to use one for a campaign, and else
// nil. alone says that the command starts an installation itself, files that the campaign names
// some.
func (a *app) apiFor(alone, files bool) (deployment, error) {
	if alone {
		if a.api.API != "" {
			return nil, usageError{errors.New("--local starts an installation of its own, and --api names another: leave one of them out")}
		}
		return nil, nil
	}
	in, err := a.overAPI()
	if in != nil && files {
		return nil, usageError{fmt.Errorf("the campaign names local files, which the installation at %s cannot fetch: put them on a web "+
			"server that it can reach, or render with --local", in.Where())}
	}
	return in, err
}

// database opens the database of an installation, which must be able to render the campaign.
func (c *renderCmd) database(ctx context.Context, a *app, settings map[string]string, stack *local.Stack, file *campaign.Campaign) (deployment, error) {
	if stack == nil && file.Local() {
		if err := reachable(ctx, settings, file); err != nil {
			return nil, err
		}
	} else if stack == nil {
		a.warnWithoutRecorder(ctx, settings, msg.ConsumerRecord, "no recorder is running: the render waits until one is")
	}
	d, err := a.onDatabase(ctx, c.dataFlag, settings, "loom-render")
	if err != nil {
		return nil, err
	}
	if err := migrations.Check(ctx, d.db); err != nil {
		d.Close()
		if errors.As(err, new(*migrations.OutdatedError)) {
			return nil, usageError{fmt.Errorf("nothing was written into %s; --local renders without it: %w", d.where, err)}
		}
		return nil, err
	}
	return d, nil
}

// outputs returns the absolute paths of the files, with out for the video, and makes sure that they
// can be written: before the work, not after it.
func (c *renderCmd) outputs(file *campaign.Campaign, out string) (to renders.Files, err error) {
	if to.Video, err = filepath.Abs(out); err != nil {
		return to, fmt.Errorf("output: %w", err)
	}
	if to.Thumbnail, err = thumbnailOf(to.Video); err != nil {
		return to, err
	}
	paths := []string{to.Video, to.Thumbnail}
	if file.Preview() {
		base := strings.TrimSuffix(to.Video, filepath.Ext(to.Video))
		to.PreviewGIF, to.PreviewWebP = base+".gif", base+".webp"
		paths = append(paths, to.PreviewGIF, to.PreviewWebP)
	}
	for _, path := range paths {
		if err := checkOutput(path); err != nil {
			return to, err
		}
	}
	return to, nil
}

// values returns those of --var as JSON; nil if there are none.
func (c *renderCmd) values() (json.RawMessage, error) {
	if len(c.Var) == 0 {
		return nil, nil
	}
	text, err := json.Marshal(c.Var)
	if err != nil {
		return nil, fmt.Errorf("write the values: %w", err)
	}
	return text, nil
}

// named returns the path of the video with the variables in it filled in.
func (c *renderCmd) named(file *campaign.Campaign) (string, error) {
	out, name := c.Out, file.Name
	if file.Variables != nil && (variables.In(out) || variables.In(name)) {
		declared, err := variables.Parse(file.Variables)
		if err != nil {
			return "", err
		}
		given := variables.Values{}
		for name, value := range c.Var {
			given[name] = variables.Value(value)
		}
		set, problems := declared.Resolve(given)
		if len(problems) > 0 {
			return "", problems[0]
		}
		if out, err = set.File(out); err != nil {
			return "", fmt.Errorf("--out: %w", err)
		}
		if name, err = set.Text(name); err != nil {
			return "", fmt.Errorf("name: %w", err)
		}
	}
	if out == "" {
		out = slug(name) + ".mp4"
	}
	return out, nil
}

// slug makes a file name of a campaign's name.
func slug(name string) string {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	if len(words) == 0 {
		return "campaign"
	}
	name, _ = grapheme.Cut(strings.Join(words, "-"), 60)
	return strings.Trim(name, "-")
}

// installation returns the settings of the installation to work with. With alone, that is one on
// this machine: stack is set when it was started for this, and then its pages may reach allow.
func (a *app) installation(ctx context.Context, data dataFlag, alone bool, allow string) (map[string]string, *local.Stack, error) {
	dir, err := data.dir()
	if err != nil {
		return nil, nil, err
	}
	holder, running := local.Running(dir)
	if !alone {
		if running && holder.Command != holderUp && a.environ["DATABASE_URL"] == "" {
			return nil, nil, fmt.Errorf("%s runs on %s, for its own render only, and would end in the middle of yours: wait until "+
				"it has ended and render with --local, or start `loom up` on another folder and name it with --data", holder, dir)
		}
		settings, err := a.settings(data)
		return settings, nil, err
	}
	environ := a.embedded()
	if running && holder.Command == holderUp {
		a.say("rendering with %s, which runs on %s", holder, dir)
		settings, err := (&app{environ: environ}).settings(data)
		if err == nil {
			err = refuseAdopted(settings, holder)
		}
		return settings, nil, err
	}
	logFile, err := local.OpenLog(dir)
	if err != nil {
		return nil, nil, err
	}
	if environ["DRAIN_TIMEOUT"] == "" {
		environ["DRAIN_TIMEOUT"] = "3s" // nobody else's work is waited for
	}
	a.say("starting loom-lite in %s (log: %s)", dir, logFile.Name())
	stack, err := local.Start(ctx, local.Options{
		Dir: dir, Command: holderRender, Allow: allow, Environ: environ,
		Log: service.Logger(logFile, environ["LOG_LEVEL"], service.FormatJSON),
	})
	if err != nil {
		return nil, nil, startError(err)
	}
	return stack.Settings(), stack, nil
}

// embedded is the environment without servers of the user's own: what is rendered locally must not
// end up in the database of a product, nor its jobs here.
func (a *app) embedded() map[string]string {
	environ := maps.Clone(a.environ)
	var left []string
	for _, name := range []string{
		"DATABASE_URL", "NATS_URL", "NATS_NKEY", "NATS_CREDS", "NATS_CA", "NATS_CERT", "NATS_KEY",
		"S3_ENDPOINT", "S3_REGION", "S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY", "S3_CHECKSUMS",
		"PUBLIC_URLS", "PUBLIC_URL_BASE", "SUPABASE_URL", "SUPABASE_SERVICE_ROLE_KEY",
	} {
		if environ[name] != "" {
			left = append(left, name)
			delete(environ, name)
		}
	}
	if len(left) > 0 {
		a.say("--local uses servers of its own, and ignores %s", strings.Join(left, ", "))
	}
	return environ
}

// job is one render on its way.
type job struct {
	app   *app
	in    deployment
	stack *local.Stack // nil: somebody else's installation
	// served: this command serves the campaign's files, so the render cannot go on without it.
	served  bool
	outcome *outcome
}

// run submits the render, follows it to its end and fetches its files.
func (j *job) run(ctx context.Context, s renders.Submission, to renders.Files) error {
	id, err := j.in.Submit(ctx, s)
	if err != nil {
		return err
	}
	j.outcome.submitted(id)
	j.app.say("render %s", id)
	if j.stack == nil {
		j.app.say("in %s", j.in.Where())
	}
	f := &follower{in: j.in, id: id, app: j.app, failed: j.failed()}
	r, err := f.follow(ctx)
	j.outcome.ended(r.Render)
	for _, w := range r.Render.Warnings {
		j.app.say("warning: %s", warned(w))
	}
	if errors.Is(err, context.Canceled) {
		return j.interrupted(id)
	}
	if err != nil {
		return err
	}
	if r.Render.Status != renders.Done {
		j.tellFailure(r.Render)
		return exitError{statusFailed}
	}
	if err := j.outcome.measured(r); err != nil {
		return err
	}
	if err := j.in.Fetch(ctx, r, to); err != nil {
		return err
	}
	j.outcome.Video, j.outcome.Thumbnail = &to.Video, &to.Thumbnail
	j.outcome.preview = to.PreviewGIF
	return nil
}

func (j *job) failed() <-chan struct{} {
	if j.stack == nil {
		return nil
	}
	return j.stack.Failed()
}

func (j *job) tellFailure(r renders.Render) {
	j.app.say("render %s %s: %s", short(r.ID), r.Status, text(r.ErrorMessage))
	if code := text(r.ErrorCode); code != "" {
		j.app.say("error code %s; loom status %s shows more", code, short(r.ID))
		if j.served && strings.HasSuffix(code, "_refused") {
			j.app.say("the recorders and transcoders on this machine must be allowed to reach it: EGRESS_ALLOW=127.0.0.0/8")
		}
	}
}

// interrupted ends a render that cannot go on without this command, and says what becomes of any
// other.
func (j *job) interrupted(id uuid.UUID) error {
	if j.stack == nil && !j.served {
		j.app.say("the render goes on: loom status %s", short(id))
		return exitError{statusInterrupted}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if _, _, err := j.in.Cancel(ctx, id); err != nil {
		return err
	}
	j.outcome.cancelled()
	j.app.say("the render was cancelled: it cannot go on without this command")
	return exitError{statusInterrupted}
}

func short(id uuid.UUID) string { return id.String()[:8] }

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func seconds(d time.Duration) float64 {
	return float64(d.Round(time.Millisecond)) / float64(time.Second)
}
