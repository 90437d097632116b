package forecast

import (
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"
	"time"
)

// said is what was said of a render at one moment.
type said struct {
	at                time.Time
	estimated, likely time.Time // zero: nothing
}

// Life is a render from its submission to its end, and what was said of it.
type Life struct {
	Begun, Ended time.Time
	said         []said
}

// moments are the parts of a render's life after which what was said is compared.
var moments = []float64{0, 0.25, 0.5, 0.75}

// Errors are how far off forecasts were at one moment of renders' lives.
type Errors struct {
	// At is the part of its life that a render had behind it.
	At float64
	// Renders of which something was said, and Unsaid the others.
	Renders, Unsaid int
	// Left is what renders still had before them, in the median.
	Left time.Duration
	// Median and P90 are of how far off the estimated end was, as a share of what was left.
	Median, P90 float64
	// Late is the median of the true rest by the estimated one: 1 when as many end later as sooner.
	Late float64
	// ByEstimate and ByLikely are the shares of renders that had ended by then; Between is that of
	// those that ended between the two.
	ByEstimate, ByLikely, Between float64
}

// Compare compares what was said with what happened.
func Compare(lives []Life) (list []Errors) {
	for _, at := range moments {
		e := Errors{At: at}
		var off, ratios []float64
		var left []time.Duration
		for _, l := range lives {
			then := l.Begun.Add(time.Duration(at * float64(l.Ended.Sub(l.Begun))))
			s, found := l.after(then)
			if !found || s.estimated.IsZero() {
				e.Unsaid++
				continue
			}
			rest, predicted := l.Ended.Sub(s.at), s.estimated.Sub(s.at)
			if rest <= 0 {
				e.Unsaid++
				continue
			}
			e.Renders++
			left = append(left, rest)
			off = append(off, math.Abs(float64(predicted-rest))/float64(rest))
			ratios = append(ratios, float64(rest)/math.Max(float64(predicted), 1))
			switch {
			case !l.Ended.After(s.estimated):
				e.ByEstimate++
				e.ByLikely++
			case !l.Ended.After(s.likely):
				e.Between++
				e.ByLikely++
			}
		}
		if n := float64(e.Renders); n > 0 {
			slices.Sort(off)
			slices.Sort(ratios)
			slices.Sort(left)
			e.Median, e.P90, e.Late, e.Left = off[len(off)/2], off[len(off)*9/10], ratios[len(ratios)/2], left[len(left)/2]
			e.ByEstimate, e.ByLikely, e.Between = e.ByEstimate/n, e.ByLikely/n, e.Between/n
		}
		list = append(list, e)
	}
	return list
}

// after returns what was said first at a moment or after it.
func (l Life) after(then time.Time) (said, bool) {
	i := slices.IndexFunc(l.said, func(s said) bool { return !s.at.Before(then) })
	if i < 0 {
		return said{}, false
	}
	return l.said[i], true
}

// Print writes a table in Markdown.
func Print(w io.Writer, list []Errors) error {
	out := tabwriter.NewWriter(w, 0, 0, 1, ' ', tabwriter.Debug)
	_, _ = fmt.Fprintln(out, "|of its life\trenders (nothing said)\tleft\toff: median\tp90\ttrue ÷ estimated\tended by estimated_end\tby likely_by\tbetween\t")
	for _, e := range list {
		_, _ = fmt.Fprintf(out, "|%.0f %%\t%d (%d)\t%.0f s\t%.0f %%\t%.0f %%\t%.2f\t%.0f %%\t%.0f %%\t%.0f %%\t\n", e.At*100, e.Renders, e.Unsaid, e.Left.Seconds(),
			e.Median*100, e.P90*100, e.Late, e.ByEstimate*100, e.ByLikely*100, e.Between*100)
	}
	return out.Flush()
}
