package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/cmd/loom/local"
	"github.com/loom-lite/loom-lite/cmd/loom/pages"
	"github.com/loom-lite/loom-lite/migrations"
	"github.com/loom-lite/loom-lite/pkg/atomicfile"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/console/campaign"
	"github.com/loom-lite/loom-lite/services/console/preflight"
	"github.com/loom-lite/loom-lite/services/console/renders"
)

type preflightCmd struct {
	Campaign string `arg:"" placeholder:"CAMPAIGN.yaml" help:"The campaign file."`
	Local    bool   `help:"Run all of loom-lite in this process, for this alone."`
	Out      string `short:"o" placeholder:"SHEET.jpg" help:"Where the contact sheet goes (default: the campaign's name)."`
	JSON     bool   `help:"Print the outcome as one line of JSON, and nothing else on stdout."`
	dataFlag
}

// Help is shown by loom preflight --help.
func (preflightCmd) Help() string {
	return `Nothing is rendered. A recorder opens each page as it would for a video, looks at it for two seconds, and says what is in
its place: ok, redirect, login, bot wall, consent wall, blank, slow, missing fonts or error, with what to do about it.

The exit status is 1 when a render of the campaign would fail.`
}

// preflighted is the result that `loom preflight --json` prints. Every field is always there, and
// null where there is no value.
type preflighted struct {
	PreflightID *uuid.UUID `json:"preflight_id"`
	// Status is done, cancelled, or failed when the pages could not be opened.
	Status string           `json:"status"`
	Fails  int              `json:"fails"`
	Pages  []preflight.Page `json:"pages"`
	// Sheet is the contact sheet's absolute path.
	Sheet        *string `json:"sheet"`
	WallSeconds  float64 `json:"wall_s"`
	ErrorCode    *string `json:"error_code"`
	ErrorMessage *string `json:"error_message"`
}

// Run opens the campaign's pages and prints what was found.
func (c *preflightCmd) Run(ctx context.Context, a *app) error {
	begun := time.Now()
	o := preflighted{Status: "failed", Pages: []preflight.Page{}}
	err := c.open(ctx, a, &o)
	o.WallSeconds = seconds(time.Since(begun))
	if !c.JSON {
		return err
	}
	if err != nil && !errors.As(err, new(exitError)) {
		code, message := codeCommand, err.Error()
		if errors.As(err, new(*campaign.Error)) {
			code = codeCampaignFile
		}
		o.ErrorCode, o.ErrorMessage = &code, &message
	}
	line, wrong := json.Marshal(o)
	if wrong != nil {
		return fmt.Errorf("write outcome: %w", wrong)
	}
	a.printf("%s\n", line)
	return err
}

func (c *preflightCmd) open(ctx context.Context, a *app, o *preflighted) error {
	file, err := campaign.Load(c.Campaign)
	if err != nil {
		return usageError{err}
	}
	sheet := c.Out
	if sheet == "" {
		sheet = slug(file.Name) + "-preflight.jpg"
	}
	if sheet, err = filepath.Abs(sheet); err == nil {
		err = checkOutput(sheet)
	}
	if err != nil {
		return usageError{err}
	}
	in, err := a.apiFor(c.Local, file.LocalPages())
	if err != nil {
		return err
	}
	base, allow := "", ""
	if file.LocalPages() {
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
	if _, err := preflight.Of(work); err != nil {
		return usageError{err}
	}
	var stack *local.Stack
	if in == nil {
		var settings map[string]string
		if settings, stack, err = a.installation(ctx, c.dataFlag, c.Local, allow); err != nil {
			return err
		}
		if stack != nil {
			defer func() {
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
	found, err := c.follow(ctx, a, in, stack, work, o)
	if found != nil {
		o.Pages, o.Fails, o.Status = found.Pages, found.Fails, found.Status
	}
	if err != nil {
		return err
	}
	if err := in.Sheet(ctx, found, sheet); err != nil {
		a.say("no contact sheet: %v", err)
	} else {
		o.Sheet = &sheet
	}
	if !c.JSON {
		a.printf("%s", summary(found))
		if o.Sheet != nil {
			a.printf("%s\n", sheet)
		}
	}
	if found.Fails > 0 || slices.ContainsFunc(found.Pages, func(p preflight.Page) bool { return p.State == "failed" }) {
		return exitError{statusFailed}
	}
	return nil
}

// database opens the database of an installation, which must be able to open the campaign's pages.
func (c *preflightCmd) database(ctx context.Context, a *app, settings map[string]string, stack *local.Stack, file *campaign.Campaign) (deployment, error) {
	if stack == nil {
		if file.LocalPages() {
			if err := reachable(ctx, settings, file); err != nil {
				return nil, err
			}
		}
		a.warnWithoutRecorder(ctx, settings, msg.ConsumerPreflight, "no recorder that opens pages is running: the preflight waits until one is")
	}
	d, err := a.onDatabase(ctx, c.dataFlag, settings, "loom-preflight")
	if err != nil {
		return nil, err
	}
	if err := migrations.Check(ctx, d.db); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// follow asks for the pages and returns what was found of them. When it is interrupted, the pages
// are not opened any more.
func (c *preflightCmd) follow(ctx context.Context, a *app, in deployment, stack *local.Stack, work renders.Submission, o *preflighted) (
	found *preflight.Preflight, err error,
) {
	id, err := in.OpenPreflight(ctx, work)
	if err != nil {
		return nil, err
	}
	o.PreflightID = &id
	a.say("preflight %s: %d pages", short(id), len(work.Scenes))
	var failed <-chan struct{}
	if stack != nil {
		failed = stack.Failed()
	}
	ticker := time.NewTicker(lookEvery / 2)
	defer ticker.Stop()
	told := 0
	for {
		if found, err = in.Preflight(ctx, id); err != nil {
			return nil, err
		}
		for ; told < len(found.Pages) && found.Pages[told].Over(); told++ {
			p := found.Pages[told]
			a.say("%s", line(p))
		}
		if found.Done() {
			return found, nil
		}
		select {
		case <-ctx.Done():
			return found, errors.Join(context.Cause(ctx), abandon(ctx, in, id))
		case <-failed:
			return found, errors.New("loom-lite stopped: its log says why")
		case <-ticker.C:
		}
	}
}

// abandon ends a preflight although ctx has ended.
func abandon(ctx context.Context, in deployment, id uuid.UUID) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return in.CancelPreflight(ctx, id)
}

// line is a page in a few words.
func line(p preflight.Page) string {
	what := p.State
	if p.Class != "" {
		what = preflight.Label(p.Class)
	}
	return fmt.Sprintf("%3d  %-13s  %s", p.Scene, what, p.URL)
}

// summary says what was found, page by page where there is something to do, and counts.
func summary(found *preflight.Preflight) string {
	var b strings.Builder
	counts := map[string]int{}
	for _, p := range found.Pages {
		name := p.State
		if p.Class != "" {
			name = preflight.Label(p.Class)
		}
		counts[name]++
		if p.Class == msg.ClassOK && len(p.Warnings) == 0 {
			continue
		}
		fmt.Fprintln(&b, line(p))
		for _, f := range p.Findings {
			fmt.Fprintf(&b, "     %s\n", f.Reason)
			if f.Advice != "" {
				fmt.Fprintf(&b, "     → %s\n", f.Advice)
			}
		}
		for _, w := range p.Warnings {
			if !slices.ContainsFunc(p.Findings, func(f msg.Finding) bool { return f.Code == w.Code }) {
				fmt.Fprintf(&b, "     %s\n", w.Message)
			}
		}
	}
	var parts []string
	for _, class := range append(slices.Clone(msg.Classes), "cancelled") {
		if n := counts[preflight.Label(class)]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, preflight.Label(class)))
		}
	}
	slices.Reverse(parts)
	fmt.Fprintf(&b, "%d pages: %s. ", len(found.Pages), strings.Join(parts, ", "))
	switch found.Fails {
	case 0:
		b.WriteString("None would fail a render.\n")
	case 1:
		b.WriteString("1 would fail a render.\n")
	default:
		fmt.Fprintf(&b, "%d would fail a render.\n", found.Fails)
	}
	return b.String()
}

// drawSheet draws the contact sheet into the file at path.
func drawSheet(ctx context.Context, settings map[string]string, found *preflight.Preflight, path string) error {
	if settings["S3_ENDPOINT"] == "" || settings["S3_ACCESS_KEY_ID"] == "" {
		return errors.New("the pictures are in the work bucket, which is private: set S3_ENDPOINT, S3_ACCESS_KEY_ID and " +
			"S3_SECRET_ACCESS_KEY as ingest has them")
	}
	client, err := openStore(settings)
	if err != nil {
		return err
	}
	defer client.Close()
	pictures, err := preflight.Pictures(ctx, client, bucket(settings, "WORK"), found.Pages)
	if err != nil {
		return err
	}
	sheet, err := preflight.Sheet(found, pictures)
	if err != nil {
		return err
	}
	return atomicfile.Write(path, sheet, 0o644)
}
