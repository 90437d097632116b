package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/joho/godotenv"

	"github.com/loom-lite/loom-lite/cmd/loom/local"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/postgres"
	"github.com/loom-lite/loom-lite/services/console/forecast"
	"github.com/loom-lite/loom-lite/services/console/renders"
)

type statusCmd struct {
	ID   string `arg:"" help:"The render's id, or its first characters if no other id begins with them."`
	JSON bool   `help:"Print JSON."`
	dataFlag
}

// report is what `loom status --json` prints.
type report struct {
	renders.Report
	forecast.Forecast
}

// Run prints how a render is.
func (c *statusCmd) Run(ctx context.Context, a *app) error {
	d, err := a.deployment(ctx, c.dataFlag)
	if err != nil {
		return err
	}
	defer d.Close()
	r, err := reportOf(ctx, d, c.ID)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(a.stdout, r)
	}
	return r.print(a.stdout)
}

// notOne marks errors that are the command line's fault.
func notOne(err error) error {
	if errors.Is(err, renders.ErrNotFound) || errors.Is(err, renders.ErrAmbiguous) ||
		errors.Is(err, renders.ErrNoLetter) || errors.Is(err, renders.ErrSeveralLetters) {
		return usageError{err}
	}
	return err
}

// connect opens the database of settings as application, and says which one it was if it cannot be
// reached.
func (a *app) connect(ctx context.Context, d dataFlag, settings map[string]string, application string) (*pgxpool.Pool, error) {
	db, err := postgres.Named(ctx, settings["DATABASE_URL"], application)
	if err != nil {
		return nil, err
	}
	if err := db.Ping(ctx); err != nil {
		db.Close()
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, fmt.Errorf("%s (%s) cannot be reached: %w%s", place("DATABASE_URL", settings["DATABASE_URL"]), a.databaseOrigin(settings), err, a.other(d, settings))
	}
	return db, nil
}

// other says that the `loom up` that runs on the data folder has another database than that of
// settings, which is the environment's; "" when none has.
func (a *app) other(d dataFlag, settings map[string]string) string {
	dir, err := d.dir()
	if err != nil || settings["DATABASE_URL"] != a.environ["DATABASE_URL"] {
		return ""
	}
	if holder, _ := local.Running(dir); holder.Command != holderUp {
		return ""
	}
	found, err := godotenv.Read(local.ReadyFile(dir))
	if err != nil || found["DATABASE_URL"] == settings["DATABASE_URL"] {
		return ""
	}
	return fmt.Sprintf("\nThe loom up on %s has a database of its own. With that one: DATABASE_URL= loom …", dir)
}

// reportOf reads the render that an id, or the beginning of one, names.
func reportOf(ctx context.Context, d deployment, id string) (report, error) {
	found, err := d.Find(ctx, id)
	if err != nil {
		return report{}, notOne(err)
	}
	r, err := d.Report(ctx, found)
	if err != nil || r.Render.Ended() {
		return report{Report: r}, err
	}
	when, err := d.Forecast(ctx, found)
	return report{r, when}, err
}

func printJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

func (r report) print(w io.Writer) error {
	v := r.Render
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(out, format+"\n", args...) }
	line("render\t%s", v.ID)
	line("campaign\t%s", text(v.Campaign))
	line("status\t%s, %d %%", v.Status, v.Progress)
	line("created\t%s", at(v.CreatedAt))
	if v.CompletedAt != nil {
		line("ended\t%s, after %s", at(*v.CompletedAt), v.CompletedAt.Sub(v.CreatedAt).Round(time.Second/10))
	}
	if r.Position != nil {
		line("queue\t%d in front", *r.Position)
	}
	if r.ETA != nil {
		line("ends\t%s", expected(*r.ETA, time.Now()))
	}
	if v.ErrorMessage != nil {
		line("error\t%s (%s)", *v.ErrorMessage, text(v.ErrorCode))
	}
	if t, a, found := renders.Bundle(r.Tasks); found {
		line("bundle\tof scene %d, attempt %d: loom bundle %s", t.Scene, a.Attempt, short(v.ID))
	}
	for _, j := range r.SetAside {
		line("set aside\tthe database refuses its job, after %d tries: %s", j.Tries, strings.Join(strings.Fields(j.Reason), " "))
	}
	for _, p := range r.Paused {
		line("paused\t%s, since %s: loom resume %s", p.Kind, at(p.Since), p.Kind)
	}
	for _, w := range v.Warnings {
		line("warning\t%s", warned(w))
	}
	if v.VideoURL != nil {
		line("video\t%s", withoutQuery(*v.VideoURL))
		line("thumbnail\t%s", withoutQuery(text(v.ThumbURL)))
	}
	if len(r.Tasks) == 0 {
		line("\nno tasks: its job has not been claimed, or was refused")
		return out.Flush()
	}
	line("\nSTAGE\tDONE\tPROGRESS\tTOOK")
	for _, s := range r.Stages {
		line("%s\t%d/%d\t%.0f %%\t%s", s.Status, s.Done, s.Total, s.Progress*100, took(s.StartedAt, s.EndedAt))
	}
	line("\nTASK\tSTATE\tPROGRESS\tATTEMPT\tTOOK\tWORKER\tENDED")
	for _, t := range r.Tasks {
		printTask(line, t)
	}
	return out.Flush()
}

// expected says when a render will end.
func expected(e forecast.ETA, now time.Time) string {
	if e.EstimatedEnd != nil && e.LikelyBy != nil {
		return fmt.Sprintf("about %s, in %s; likely by %s", at(*e.EstimatedEnd), max(0, e.EstimatedEnd.Sub(now)).Round(time.Second), at(*e.LikelyBy))
	}
	of := text(e.Stage)
	switch {
	case e.Reason == nil:
	case *e.Reason == forecast.NoIngest:
		return "not known: no ingest has been heard of for a minute"
	case *e.Reason == forecast.NoWorker:
		return fmt.Sprintf("not known: %s has no worker", of)
	case *e.Reason == forecast.Paused:
		return fmt.Sprintf("not known: %s is paused", of)
	case *e.Reason == forecast.SetAside:
		return "not known: the database refuses its job"
	case *e.Reason == forecast.NoHistory:
		return "not known: no render has been made yet"
	}
	return "not known"
}

// warned is a warning in one line.
func warned(w msg.Warning) string {
	return fmt.Sprintf("%s (%s)", strings.Join(strings.Fields(w.Message), " "), w.Code)
}

// printTask prints a task on one line with its newest attempt, and each earlier attempt on one of
// its own.
func printTask(line func(string, ...any), t renders.Task) {
	name := string(t.Kind)
	if t.Scene > 0 {
		name = fmt.Sprintf("%s scene %d", t.Kind, t.Scene)
	}
	if mode := recordedIn(t); mode != "" && mode != msg.ModeExact {
		name += fmt.Sprintf(" (%s)", mode)
	}
	state := t.State
	if t.NotBefore != nil && time.Until(*t.NotBefore) > 0 {
		state += fmt.Sprintf(", again in %s", time.Until(*t.NotBefore).Round(time.Second))
	}
	switch {
	case t.ReusedFrom != nil:
		state += ", reused from render " + short(*t.ReusedFrom)
	case t.Reused: // in a history that was written before it had that
		state += ", reused"
	case t.WaitsForScene > 0:
		state += fmt.Sprintf(" for scene %d", t.WaitsForScene)
	case t.WaitsFor != nil:
		state += " for render " + short(*t.WaitsFor)
	}
	if len(t.Attempts) == 0 {
		line("%s\t%s\t%.0f %%\t\t\t\t", name, state, t.Progress*100)
	}
	for i := len(t.Attempts) - 1; i >= 0; i-- {
		a := t.Attempts[i]
		row := []string{"", "", ""}
		if i == len(t.Attempts)-1 {
			row = []string{name, state, fmt.Sprintf("%.0f %%", t.Progress*100)}
		}
		line("%s\t%d\t%s\t%s\t%s", strings.Join(row, "\t"), a.Attempt, took(&a.GrantedAt, a.EndedAt), a.Worker, ending(a))
	}
}

// recordedIn is how a scene was captured; empty when that is not known, or is no matter.
func recordedIn(t renders.Task) msg.Mode {
	var facts msg.RecordFacts
	if t.Kind != msg.Record || json.Unmarshal(t.Facts, &facts) != nil {
		return ""
	}
	return facts.Mode
}

// ending says how an attempt ended, and why.
func ending(a renders.Attempt) string {
	if a.Outcome == nil {
		return "running"
	}
	said := *a.Outcome
	if code := text(a.ErrorCode); code != "" {
		said += " (" + code + ")"
	}
	if why := strings.Fields(text(a.ErrorMessage)); len(why) > 0 {
		said += ": " + strings.Join(why, " ")
	}
	if detail := strings.Fields(text(a.Detail)); len(detail) > 0 {
		said += " [" + strings.Join(detail, " ") + "]"
	}
	return said
}

func took(from, to *time.Time) string {
	if from == nil || to == nil {
		return ""
	}
	return fmt.Sprintf("%.1f s", to.Sub(*from).Seconds())
}

func at(t time.Time) string { return t.Local().Format(time.DateTime) }

// withoutQuery leaves out what makes a URL a signed one: a terminal's output is copied into
// tickets. --json has it.
func withoutQuery(url string) string {
	plain, query, found := strings.Cut(url, "?")
	if found && query != "" {
		return plain + "?…"
	}
	return plain
}
