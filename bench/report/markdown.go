package report

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/loom-lite/loom-lite/pkg/grapheme"
)

// Markdown writes the report as Markdown.
func (r Report) Markdown(w io.Writer) error {
	var b strings.Builder
	b.WriteString("# loom-lite's benchmark\n\n")
	r.writeMachine(&b)
	if slices.Contains(r.Settings.Parts, Capture) {
		b.WriteString("\n## Ratios\n\n")
		r.writeRatios(&b)
		b.WriteString("\n## Measurements\n\n")
		r.writeRows(&b)
	}
	r.writeTranscoding(&b)
	r.writeControl(&b)
	r.writeScaling(&b)
	r.writeFleet(&b)
	if failed := r.Failed(); len(failed) > 0 {
		b.WriteString("\n## Failed\n\n")
		for _, f := range failed {
			b.WriteString("- " + oneLine(f) + "\n")
		}
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write Markdown: %w", err)
	}
	return nil
}

func (r Report) writeMachine(b *strings.Builder) {
	m, s := r.Machine, r.Settings
	sandbox := "off"
	if m.Sandbox {
		sandbox = "on"
	}
	rows := [][]string{
		{"began", fmt.Sprintf("%s, took %s", r.Began.UTC().Format("2006-01-02 15:04 MST"), r.Took.Round(time.Second))},
		{"machine", fmt.Sprintf("%s, %d cores, %s", m.CPU, m.Cores, m.Memory)},
		{"kernel", m.Kernel},
		{"load (1, 5, 15 min)", fmt.Sprintf("before: %s; after: %s", r.LoadBefore, r.LoadAfter)},
		{"transparent huge pages", fmt.Sprintf("enabled: %s; shmem_enabled: %s", m.HugePages, m.HugePagesShared)},
		{"Chrome", fmt.Sprintf("%s, its sandbox %s", m.Chrome, sandbox)},
		{"FFmpeg", m.FFmpeg},
		{"Go", m.Go},
	}
	if m.Peer != "" {
		rows = append(rows, []string{"puppeteer-capture", fmt.Sprintf("%s on Node.js %s", m.Peer, m.Node)})
	}
	if slices.Contains(s.Parts, Capture) {
		rows = append(rows, []string{"scenes", fmt.Sprintf("%d frames at %d fps, %d×%d", s.Frames, s.FPS, s.Width, s.Height)})
	}
	rows = append(rows,
		[]string{"mp4", s.Encoder},
		[]string{"turns", fmt.Sprintf("%d; figures are medians", s.Repeat)})
	table(b, []string{"", ""}, rows)
}

func (r Report) writeRatios(b *strings.Builder) {
	rows := make([][]string, 0, len(r.Ratios))
	for _, x := range r.Ratios {
		rows = append(rows, []string{
			x.Page, string(x.Motion), strconv.Itoa(x.Scenes), times(x.Mezzanine), times(x.MezzanineWhole), times(x.MP4),
			times(x.MP4Whole), times(x.Bare), times(x.RealTime),
		})
	}
	table(b, []string{
		"page", "motion", "at once:", "mezzanine ÷ p-c:", "whole:", "mp4 ÷ p-c:", "whole:", "mezzanine ÷ bare:", "÷ real time:",
	}, rows)
	b.WriteString("\np-c is puppeteer-capture. Ratios are of frames per second while capturing; *whole* ones from an empty " +
		"machine to an empty machine: browser started, page loaded, file complete, browser gone.\n")
}

func (r Report) writeRows(b *strings.Builder) {
	rows := make([][]string, 0, len(r.Rows))
	for _, x := range r.Rows {
		share := "–"
		if x.GoShare != nil {
			share = fmt.Sprintf("%.1f %%", 100**x.GoShare)
		}
		rows = append(rows, []string{
			x.Page, strconv.Itoa(x.Scenes), string(x.Tool), number(x.Frames), number(x.Distinct),
			fmt.Sprintf("%s (%s–%s)", number(x.CaptureFPS), number(x.CaptureLow), number(x.CaptureHigh)),
			number(x.WholeFPS), number(x.CPUPerFrame), share, fmt.Sprintf("%.0f", x.Memory/(1<<20)),
			fmt.Sprintf("%.1f", x.BytesPerFrame/1000),
		})
	}
	table(b, []string{
		"page", "at once:", "tool", "frames:", "distinct:", "capture fps:", "whole fps:", "CPU ms/frame:", "Go side:",
		"peak MiB:", "kB/frame:",
	}, rows)
}

// table writes a table. A heading that ends in a colon makes a column of numbers.
func table(b *strings.Builder, headings []string, rows [][]string) {
	var names, rules []string
	for _, h := range headings {
		name, isNumber := strings.CutSuffix(h, ":")
		rule := "---"
		if isNumber {
			rule = "--:"
		}
		names, rules = append(names, name), append(rules, rule)
	}
	for _, cells := range append([][]string{names, rules}, rows...) {
		b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
	}
}

// times writes a ratio.
func times(ratio *float64) string {
	if ratio == nil {
		return "–"
	}
	if *ratio < 10 {
		return fmt.Sprintf("%.2f", *ratio)
	}
	return number(*ratio)
}

// number writes about three significant digits.
func number(v float64) string {
	if v < 100 && v != float64(int(v)) {
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

// oneLine joins the lines of an error, for an item of a list.
func oneLine(text string) string {
	return grapheme.Shorten(strings.Join(strings.Fields(text), " "), 400)
}
