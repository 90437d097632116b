package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/loom-lite/loom-lite/bench/control"
)

// Control is what was measured of control.
type Control struct {
	Scenes int `json:"scenes"`
	Slots  int `json:"slots"`
	// River is its version.
	River string       `json:"river"`
	Runs  []ControlRun `json:"runs"`
	// Error says why there is nothing, or why the servers did not stop.
	Error string `json:"error,omitempty"`
}

// ControlRun is one measurement of control.
type ControlRun struct {
	control.Job
	// Turn counts from 1.
	Turn int `json:"turn"`
	// Behind: Turns was measured. Twice: Again was. Result otherwise.
	Behind bool            `json:"behind"`
	Twice  bool            `json:"twice,omitempty"`
	Result *control.Result `json:"result,omitempty"`
	Turns  *control.Behind `json:"turns,omitempty"`
	Again  *control.Again  `json:"again,omitempty"`
	Error  string          `json:"error,omitempty"`
}

// String says what it came to.
func (r ControlRun) String() string {
	what := fmt.Sprintf("%s, %d ingests", r.Build, r.Ingests)
	switch {
	case r.Error != "":
		return what + ": " + oneLine(r.Error)
	case r.Behind:
		return fmt.Sprintf("%s: alone %s, behind 40 renders %s, behind 60 scenes %s", r.Build, short(r.Turns.Alone), short(r.Turns.Others), short(r.Turns.Long))
	}
	if r.Twice {
		a := r.Again
		return fmt.Sprintf("%s: a second render of a campaign takes %.2f of the first's CPU, control's alone %.2f: %.0f of its %.0f tasks are reused",
			r.Build, a.Second.Whole().Seconds()/a.First.Whole().Seconds(), a.Second.Control().Seconds()/a.First.Control().Seconds(), a.Reused, a.Tasks)
	}
	c := r.Result.CPU
	return fmt.Sprintf("%s, %d queued, %d ended: %.0f tasks/s; ms/task: ingest %s, Postgres %s, NATS %s, workers %s; hop %s, p99 %s; first %s",
		what, r.Backlog, r.History, r.Result.PerSecond(), ms(c.Ingest), ms(c.Postgres), ms(c.NATS), ms(c.Workers),
		ms(r.Result.Hop.Median), ms(r.Result.Hop.P99), ms(r.Result.First.Median))
}

func ms(d time.Duration) string    { return fmt.Sprintf("%.2f", d.Seconds()*1000) }
func short(d time.Duration) string { return d.Round(10 * time.Millisecond).String() }

func (c *Control) failed() (list []string) {
	if c.Error != "" {
		list = append(list, "control: "+c.Error)
	}
	for _, r := range c.Runs {
		if r.Error != "" {
			list = append(list, "control, "+r.String())
		}
	}
	return list
}

// controlRow are the medians of runs of one kind.
type controlRow struct {
	control.Job
	results []control.Result
}

func (r controlRow) of(value func(control.Result) float64) float64 {
	return median(each(r.results, value))
}

func (r controlRow) ms(value func(control.Result) time.Duration) string {
	return fmt.Sprintf("%.2f", r.of(func(x control.Result) float64 { return value(x).Seconds() * 1000 }))
}

func (c *Control) rows() (rows []controlRow) {
	for _, run := range c.Runs {
		if run.Result == nil {
			continue
		}
		i := slices.IndexFunc(rows, func(r controlRow) bool { return r.Job == run.Job })
		if i < 0 {
			i = len(rows)
			rows = append(rows, controlRow{Job: run.Job})
		}
		rows[i].results = append(rows[i].results, *run.Result)
	}
	return rows
}

func (r Report) writeControl(b *strings.Builder) {
	c := r.Control
	if c == nil || len(c.Runs) == 0 {
		return
	}
	fmt.Fprintf(b, "\n## Control\n\nRenders of %d scenes (%d tasks), %d slots of each stage. River is %s.\n\n", c.Scenes, 2*c.Scenes+2, c.Slots, c.River)
	var busy, paced [][]string
	for _, row := range c.rows() {
		name := []string{string(row.Build), strconv.Itoa(row.Ingests), strconv.Itoa(row.Backlog), strconv.Itoa(row.History)}
		busy = append(busy, append(name[:4:4],
			number(row.of(control.Result.PerSecond)),
			row.ms(func(x control.Result) time.Duration { return x.CPU.Ingest }),
			row.ms(func(x control.Result) time.Duration { return x.CPU.Postgres }),
			row.ms(func(x control.Result) time.Duration { return x.CPU.NATS }),
			row.ms(func(x control.Result) time.Duration { return x.CPU.Control() }),
			row.ms(func(x control.Result) time.Duration { return x.CPU.Workers }),
			row.ms(func(x control.Result) time.Duration { return x.BusyHop.Median }),
			fmt.Sprintf("%.0f", row.of(func(x control.Result) float64 { return float64(x.Memory) / (1 << 20) })),
		))
		if row.Paced == 0 {
			continue
		}
		paced = append(paced, append(name[:2:2],
			number(row.of(func(x control.Result) float64 { return x.PacedRate })),
			row.ms(func(x control.Result) time.Duration { return x.PacedCPU.Control() }),
			row.ms(func(x control.Result) time.Duration { return x.PacedCPU.Whole() }),
			row.ms(func(x control.Result) time.Duration { return x.Hop.Median }),
			row.ms(func(x control.Result) time.Duration { return x.Hop.P99 }),
			row.ms(func(x control.Result) time.Duration { return x.First.Median }),
			row.ms(func(x control.Result) time.Duration { return x.First.P99 }),
			row.ms(func(x control.Result) time.Duration { return x.Queued.Median }),
		))
	}
	b.WriteString("As fast as it goes; CPU time in ms for each task:\n\n")
	table(b, []string{"build", "ingests:", "queued:", "ended:", "tasks/s:", "ingest:", "Postgres:", "NATS:", "control:", "workers:", "hop ms:", "ingest MiB:"}, busy)
	b.WriteString("\nRenders one by one; CPU time in ms for each task, times in ms:\n\n")
	table(b, []string{"build", "ingests:", "tasks/s:", "control:", "with workers:", "hop:", "p99:", "claim → first:", "p99:", "queued → first:"}, paced)
	var behind [][]string
	for _, run := range c.Runs {
		if run.Turns == nil {
			continue
		}
		times := func(d time.Duration) string {
			return fmt.Sprintf("%s (%.1f ×)", short(d), d.Seconds()/run.Turns.Alone.Seconds())
		}
		behind = append(behind, []string{string(run.Build), short(run.Turns.Alone), times(run.Turns.Others), times(run.Turns.Long)})
	}
	var again [][]string
	for _, run := range c.Runs {
		if run.Again == nil {
			continue
		}
		times := func(first, second time.Duration) string {
			return fmt.Sprintf("%s (%.2f ×)", ms(second), second.Seconds()/first.Seconds())
		}
		a := run.Again
		again = append(again, []string{string(run.Build), ms(a.First.Control()), times(a.First.Control(), a.Second.Control()),
			ms(a.First.Whole()), times(a.First.Whole(), a.Second.Whole()), fmt.Sprintf("%.0f of %.0f", a.Reused, a.Tasks)})
	}
	if len(again) > 0 {
		b.WriteString("\nRenders of campaigns that were rendered before, without work in the stages; CPU time in ms for each render:\n\n")
		table(b, []string{"build", "control, first:", "second:", "with workers, first:", "second:", "tasks reused:"}, again)
	}
	if len(behind) > 0 {
		b.WriteString("\nA render of one scene, two slots of each stage, tasks of a quarter of a second:\n\n")
		table(b, []string{"build", "alone:", "behind 40 of another user:", "behind one of 60 scenes:"}, behind)
	}
}
