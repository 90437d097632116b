package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/loom-lite/loom-lite/bench/measure"
)

// Transcoding sums up what was measured on the transcoder. What was not measured is nil.
type Transcoding struct {
	Page string `json:"page"`
	FPS  int    `json:"fps"`
	// CPU is our CPU time against that of one pass in the same turn, the median of the turns;
	// CPULow and CPUHigh are the least and the most.
	CPU     *float64 `json:"cpu_to_one_pass,omitempty"`
	CPULow  *float64 `json:"cpu_to_one_pass_low,omitempty"`
	CPUHigh *float64 `json:"cpu_to_one_pass_high,omitempty"`
	// Two is the time of two transcoders against that of one in the same turn, and Busy the share
	// of it in which their slots had a task.
	Two      *float64            `json:"two_replicas_to_one,omitempty"`
	Busy     *float64            `json:"busy,omitempty"`
	Measured *measure.Transcoded `json:"measured,omitempty"`
	// Error says why there is nothing.
	Error string `json:"error,omitempty"`
}

// NewTranscoding sums up what was measured on a page's scene.
func NewTranscoding(page string, fps int, m measure.Transcoded) *Transcoding {
	t := &Transcoding{Page: page, FPS: fps, Measured: &m}
	if len(m.Turns) == 0 {
		return t
	}
	cpu := each(m.Turns, func(turn measure.TranscodeTurn) float64 { return sum(turn) / onePass(turn) })
	middle, low, high := median(cpu), slices.Min(cpu), slices.Max(cpu)
	t.CPU, t.CPULow, t.CPUHigh = &middle, &low, &high
	if len(m.Turns[0].Replicas) == 2 {
		two := median(each(m.Turns, func(turn measure.TranscodeTurn) float64 {
			return float64(turn.Replicas[1].Took) / float64(turn.Replicas[0].Took)
		}))
		busy := median(each(m.Turns, func(turn measure.TranscodeTurn) float64 { return turn.Replicas[1].Busy }))
		t.Two, t.Busy = &two, &busy
	}
	return t
}

func sum(turn measure.TranscodeTurn) float64     { return float64(turn.Ours.Sum()) }
func onePass(turn measure.TranscodeTurn) float64 { return float64(turn.OnePass) }

// ms is the median of a time that turns took, in milliseconds for each frame.
func (t *Transcoding) ms(value func(measure.TranscodeTurn) float64) float64 {
	return median(each(t.Measured.Turns, value)) / 1e6 / float64(max(1, t.Measured.Frames))
}

// Aims of ratios.
const (
	aimCPU = 1.15
	aimTwo = 0.6
)

func (r Report) writeTranscoding(b *strings.Builder) {
	t := r.Transcoding
	if t == nil || t.Measured == nil {
		return
	}
	m := t.Measured
	fmt.Fprintf(b, "\n## Transcoding\n\nA scene of `%s` with a facecam: %d frames at %d fps, recorded in %d pieces. %d turns.\n\n",
		t.Page, m.Frames, t.FPS, m.Pieces, len(m.Turns))
	rows := [][]string{}
	if t.CPU != nil {
		rows = append(rows, []string{"CPU time, ours ÷ one pass",
			fmt.Sprintf("%.3f (%.3f–%.3f)", *t.CPU, *t.CPULow, *t.CPUHigh), fmt.Sprintf("at most %.2f", aimCPU)})
	}
	if t.Two != nil {
		rows = append(rows, []string{"time of all pieces, two transcoders ÷ one", fmt.Sprintf("%.2f", *t.Two), fmt.Sprintf("at most %.2f", aimTwo)},
			[]string{"their slots had a task", fmt.Sprintf("%.0f %%", 100**t.Busy), ""})
	}
	q := m.Quality
	rows = append(rows,
		[]string{"SSIM, ours − encoded twice", fmt.Sprintf("%+.5f", q.Ours.SSIM-q.Twice.SSIM), "above 0"},
		[]string{"PSNR, ours − encoded twice", fmt.Sprintf("%+.2f dB", q.Ours.PSNR-q.Twice.PSNR), "above 0"})
	table(b, []string{"", "measured:", "aim"}, rows)

	of := func(value func(measure.TranscodeCPU) float64) string {
		return fmt.Sprintf("%.2f", t.ms(func(turn measure.TranscodeTurn) float64 { return value(turn.Ours) }))
	}
	b.WriteString("\nCPU time, ms/frame:\n\n")
	table(b, []string{"normalize:", "concat:", "overlay:", "ours, together:", "one pass:", "apart: probe:", "apart: quality gate:"}, [][]string{{
		of(func(c measure.TranscodeCPU) float64 { return float64(c.Normalize) }),
		of(func(c measure.TranscodeCPU) float64 { return float64(c.Concat) }),
		of(func(c measure.TranscodeCPU) float64 { return float64(c.Overlay) }),
		fmt.Sprintf("%.2f", t.ms(sum)), fmt.Sprintf("%.2f", t.ms(onePass)),
		of(func(c measure.TranscodeCPU) float64 { return float64(c.Probe) }),
		of(func(c measure.TranscodeCPU) float64 { return float64(c.Gate) }),
	}})

	b.WriteString("\nPictures, next to those that were recorded:\n\n")
	picture := func(name string, l measure.Likeness) []string {
		return []string{name, fmt.Sprintf("%.0f", float64(l.Bytes)/1000), fmt.Sprintf("%.5f", l.SSIM), fmt.Sprintf("%.2f", l.PSNR)}
	}
	table(b, []string{"", "kB:", "SSIM:", "PSNR dB:"}, [][]string{
		picture("ours", q.Ours), picture(fmt.Sprintf("encoded twice, CRF 20 and %.2f", q.CRF), q.Twice),
	})
}
