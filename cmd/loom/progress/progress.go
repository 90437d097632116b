// Package progress shows a render's progress: as bars on a terminal, as plain lines anywhere else.
package progress

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/loom-lite/loom-lite/services/console/renders"
)

// View shows how a render goes.
type View interface {
	// Update shows the newest state.
	Update(r renders.Render, stages []renders.Stage)
	// Close leaves the last state standing. The view shows nothing more.
	Close()
}

// New returns bars when w is a terminal, lines when not.
func New(w io.Writer, terminal bool) View {
	if terminal {
		return newBars(w)
	}
	return newLines(w, time.Now)
}

// lines writes a line whenever the status changes or another tenth of the render is done.
type lines struct {
	w      io.Writer
	now    func() time.Time
	begun  time.Time
	status string
	tenth  int
}

// newLines returns a view that writes lines to w, each with the time since now.
func newLines(w io.Writer, now func() time.Time) *lines {
	return &lines{w: w, now: now, begun: now()}
}

// Update writes a line if there is news.
func (l *lines) Update(r renders.Render, _ []renders.Stage) {
	if r.Status == l.status && r.Progress/10 == l.tenth {
		return
	}
	l.status, l.tenth = r.Status, r.Progress/10
	_, _ = fmt.Fprintf(l.w, "%s  %-13s %3d %%\n", clock(l.now().Sub(l.begun)), r.Status, r.Progress)
}

// Close does nothing.
func (*lines) Close() {}

// clock writes a duration as 1:02, or 1:02:03.
func clock(d time.Duration) string {
	s := int(d.Round(time.Second) / time.Second)
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// bars shows a bar for each stage.
type bars struct {
	container *mpb.Progress
	bars      []bar
}

type bar struct {
	*mpb.Bar
	stage *atomic.Pointer[renders.Stage]
}

// steps is how many steps a bar has.
const steps = 1000

// newBars returns a view for the terminal w.
func newBars(w io.Writer) *bars {
	return &bars{container: mpb.New(mpb.WithOutput(w), mpb.WithWidth(48), mpb.WithAutoRefresh())}
}

// Update moves the bars; the first with stages makes them.
func (b *bars) Update(_ renders.Render, stages []renders.Stage) {
	for i := range stages {
		if i == len(b.bars) {
			b.bars = append(b.bars, b.add(stages[i]))
		}
		b.bars[i].stage.Store(&stages[i])
		b.bars[i].SetCurrent(int64(stages[i].Progress * steps))
	}
}

func (b *bars) add(s renders.Stage) bar {
	stage := new(atomic.Pointer[renders.Stage])
	stage.Store(&s)
	return bar{stage: stage, Bar: b.container.AddBar(steps,
		mpb.PrependDecorators(
			decor.Name(s.Status, decor.WC{W: len("concatenating") + 1, C: decor.DindentRight}),
			decor.Any(func(decor.Statistics) string {
				s := stage.Load()
				return fmt.Sprintf("%d/%d", s.Done, s.Total)
			}, decor.WC{W: 8}),
		),
		mpb.AppendDecorators(
			decor.Percentage(decor.WC{W: 5}),
			decor.Any(func(decor.Statistics) string { return remaining(*stage.Load(), time.Now()) }, decor.WC{W: 14}),
		),
	)}
}

// remaining says how long a stage will take, or how long it took.
func remaining(s renders.Stage, now time.Time) string {
	switch {
	case s.Progress >= 1 && s.StartedAt != nil && s.EndedAt != nil:
		return "took " + clock(s.EndedAt.Sub(*s.StartedAt))
	case s.StartedAt == nil:
		return "waits"
	}
	if left, known := s.Left(now); known {
		return clock(left) + " left"
	}
	return "works"
}

// Close ends the bars where they are.
func (b *bars) Close() {
	for _, bar := range b.bars {
		bar.Abort(false)
	}
	b.container.Wait()
}
