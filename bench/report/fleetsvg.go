package report

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"
)

// panel is one chart of the curve: values over tasks a second.
type panel struct {
	title  string
	lines  []line
	left   float64 // of its frame
	scaled func(v float64) float64
	ticks  []float64
	label  func(v float64) string
}

// line is a curve of a panel.
type line struct {
	name, colour string
	value        func(FleetRun) float64
}

const (
	panelWidth, panelHeight = 330.0, 220.0
	panelTop                = 50.0
)

// SVG draws the cores that the parts of control use, and the time of a hop, over the tasks that are
// done in a second.
func (f *Fleet) SVG(w io.Writer) error {
	var runs []FleetRun
	most, cores := 1.0, 0.1
	for _, r := range f.Runs {
		if r.Result != nil {
			runs = append(runs, r)
			most = max(most, r.Result.Loaded.Tasks)
			cores = max(cores, r.Result.Loaded.Control())
		}
	}
	across, xTicks := steps(most)
	up, yTicks := steps(cores)
	decades := []float64{1, 10, 100, 1000, 10_000, 100_000}
	panels := []panel{
		{
			title: "cores used, over tasks done in a second", left: 60, ticks: yTicks, scaled: func(v float64) float64 { return v / up },
			label: func(v float64) string { return fmt.Sprintf("%g", v) },
			lines: []line{
				{"all of control", "#444444", func(r FleetRun) float64 { return r.Result.Loaded.Control() }},
				{"Postgres", "#1f6fb2", func(r FleetRun) float64 { return r.Result.Loaded.Postgres }},
				{"NATS", "#2a8c4a", func(r FleetRun) float64 { return r.Result.Loaded.NATS }},
				{"ingest", "#c2571a", func(r FleetRun) float64 { return r.Result.Loaded.Ingest }},
			},
		},
		{
			title: "from one task to the next, ms", left: 470, ticks: decades,
			scaled: func(v float64) float64 { return math.Log10(max(v, 1)) / 5 }, label: func(v float64) string { return fmt.Sprintf("%g", v) },
			lines: []line{
				{"99 of 100", "#9c2a78", func(r FleetRun) float64 { return milliseconds(r.Result.Loaded.HopP99) }},
				{"median", "#6a6acb", func(r FleetRun) float64 { return milliseconds(r.Result.Loaded.Hop) }},
			},
		},
	}
	var b strings.Builder
	b.WriteString(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 820 320" font-family="sans-serif" font-size="12" fill="#222">` + "\n" +
		`<title>What control needs as fleets grow</title>` + "\n" + `<rect width="820" height="320" fill="#fff"/>` + "\n")
	for _, p := range panels {
		p.draw(&b, runs, across, xTicks)
	}
	b.WriteString("</svg>\n")
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write the curve: %w", err)
	}
	return nil
}

func (p panel) draw(b *strings.Builder, runs []FleetRun, across float64, xTicks []float64) {
	x := func(tasks float64) float64 { return p.left + panelWidth*tasks/across }
	y := func(v float64) float64 { return panelTop + panelHeight*(1-min(1, p.scaled(v))) }
	text := func(x, y float64, anchor, rest, words string) {
		fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="%s"%s>%s</text>`+"\n", x, y, anchor, rest, words)
	}
	text(p.left, 24, "start", ` font-weight="bold"`, p.title)
	for _, t := range p.ticks {
		fmt.Fprintf(b, `<path d="M%.1f %.1fh%.1f" stroke="#ddd"/>`+"\n", p.left, y(t), panelWidth)
		text(p.left-6, y(t)+4, "end", "", p.label(t))
	}
	for _, t := range xTicks {
		text(x(t), panelTop+panelHeight+18, "middle", "", fmt.Sprintf("%g", t))
	}
	text(p.left+panelWidth/2, panelTop+panelHeight+38, "middle", "", "tasks a second")
	for i, l := range p.lines {
		var points []string
		for _, r := range runs {
			at := []float64{x(r.Result.Loaded.Tasks), y(l.value(r))}
			points = append(points, fmt.Sprintf("%.1f,%.1f", at[0], at[1]))
			fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"><title>%s recorders</title></circle>`+"\n", at[0], at[1], l.colour, r.Level)
		}
		fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.Join(points, " "), l.colour)
		text(p.left+10, panelTop+16+16*float64(i), "start", ` fill="`+l.colour+`"`, l.name)
	}
}

// steps returns a round number above most, and the marks of an axis up to it.
func steps(most float64) (end float64, marks []float64) {
	step := math.Pow(10, math.Floor(math.Log10(most)))
	for _, part := range []float64{0.2, 0.5, 1, 2} {
		if most/(step*part) <= 5 {
			step *= part
			break
		}
	}
	end = step * math.Ceil(most/step)
	for i := 0.0; i <= end/step+0.01; i++ {
		marks = append(marks, math.Round(i*step*1000)/1000)
	}
	return end, marks
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1000 }
