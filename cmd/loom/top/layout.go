package top

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"
	"github.com/mattn/go-runewidth"

	"github.com/loom-lite/loom-lite/services/console/snapshot"
)

// list is one of the two lists that scroll.
type list int

const (
	workers list = iota
	renders
	lists
)

// view is what the user has chosen.
type view struct {
	// in is the list that keys work on.
	in list
	// first is the first line of each list that is shown, and by how it is sorted: see orders.
	first [lists]int
	by    [lists]int
}

// orders are the orders of each list. The first is the snapshot's.
var orders = [lists][]string{{"by name", "longest first"}, {"oldest first", "least done first", "by owner"}}

// Style of a line.
const (
	bold    = "\x1b[1m"
	reverse = "\x1b[7m"
	plain   = "\x1b[0m"
)

// screen lays a snapshot out in lines of width columns, height at most. 0 means without bound.
type screen struct {
	width, height int
	// styled lines have escape sequences.
	styled bool
}

func (c screen) lines(s snapshot.Snapshot, v *view) []string {
	fixed := append(c.head(s), c.stages(s)...)
	parts := [lists][]string{c.workers(s, v.by[workers]), c.renders(s, v.by[renders])}
	// Each list has a title, and a line above it that says which part is shown.
	room := c.height - len(fixed) - 4
	heights := share(room, len(parts[workers])-1, len(parts[renders])-1, c.height == 0)
	out := fixed
	for l := range lists {
		title, rows := parts[l][0], parts[l][1:]
		v.first[l] = max(0, min(v.first[l], len(rows)-heights[l]))
		shown := rows[v.first[l] : v.first[l]+min(heights[l], len(rows))]
		style, above := bold, ""
		if hidden := len(rows) - len(shown); hidden > 0 {
			above = fmt.Sprintf("%d to %d of %d", v.first[l]+1, v.first[l]+len(shown), len(rows))
		}
		if c.height > 0 && l == v.in {
			style = reverse
			above = strings.TrimPrefix(above+", "+orders[l][v.by[l]], ", ")
		}
		out = append(append(out, above, c.style(style, title)), shown...)
	}
	for i, line := range out {
		out[i] = c.fit(line)
	}
	if c.height > 0 && len(out) > c.height {
		out = out[:c.height]
	}
	return out
}

// share divides room between two lists: each gets what it needs, or at least half.
func share(room, a, b int, unbounded bool) [lists]int {
	room = max(room, 0)
	half := room / 2
	switch {
	case unbounded || a+b <= room:
		return [lists]int{a, b}
	case a <= half:
		return [lists]int{a, room - a}
	case b <= room-half:
		return [lists]int{room - b, b}
	}
	return [lists]int{half, room - half}
}

func (c screen) head(s snapshot.Snapshot) []string {
	queued := fmt.Sprint(s.Queued)
	if s.Queued == snapshot.MaxQueued {
		queued += " or more"
	}
	keeper := "nobody maintains"
	if s.Maintainer != nil {
		keeper = "maintained by " + clean(*s.Maintainer)
	}
	return []string{
		fmt.Sprintf("%s   %d renders in progress, %s queued   %s", s.At.Local().Format(time.TimeOnly), s.Open, queued, keeper),
		fmt.Sprintf("in the last minute: %d done, %d failed, %d cancelled", s.LastMinute.Done, s.LastMinute.Failed, s.LastMinute.Cancelled),
		"",
	}
}

func (c screen) stages(s snapshot.Snapshot) []string {
	out := []string{c.style(bold, "STAGE      WAITING     DUE   LATER RUNNING  DONE/MIN")}
	for _, g := range s.Stages {
		line := fmt.Sprintf("%-9s %8d%8d%8d%8d%10d", g.Kind, g.Waiting, g.Due, g.Later, g.Running, g.Rate)
		if g.Paused {
			line += "  paused"
		}
		out = append(out, line)
	}
	return out
}

func (c screen) workers(s snapshot.Snapshot, by int) []string {
	all := slices.Clone(s.Workers)
	if by == 1 {
		slices.SortStableFunc(all, func(a, b snapshot.Worker) int { return a.Since.Compare(b.Since) })
	}
	name := nameWidth(s)
	out := []string{fmt.Sprintf("%-*s  STAGE      RENDER    SCENE  TRY    SINCE  DONE", name, "WORKER")}
	for _, w := range s.Resting {
		line := fmt.Sprintf("%s  %-9s  rests for %s", padded(w.Name, name), w.Stage, age(w.Until.Sub(s.At)))
		if w.Code != "" {
			line += ", after " + clean(w.Code)
		}
		out = append(out, line)
	}
	for _, w := range all {
		scene := ""
		if w.Scene > 0 {
			scene = fmt.Sprint(w.Scene)
		}
		out = append(out, fmt.Sprintf("%s  %-9s  %s  %5s  %3d  %7s  %3.0f %%", padded(w.Name, name), w.Kind, short(w.Render), scene, w.Attempt,
			age(s.At.Sub(w.Since)), w.Progress*100))
	}
	return out
}

// nameWidth is the width of the column of workers' names: that of the longest, within bounds.
func nameWidth(s snapshot.Snapshot) int {
	width := 10
	for _, w := range s.Workers {
		width = max(width, runewidth.StringWidth(clean(w.Name)))
	}
	for _, w := range s.Resting {
		width = max(width, runewidth.StringWidth(clean(w.Name)))
	}
	return min(width, 24)
}

func (c screen) renders(s snapshot.Snapshot, by int) []string {
	all := slices.Clone(s.Renders)
	switch by {
	case 1:
		slices.SortStableFunc(all, func(a, b snapshot.Render) int { return cmp.Compare(a.Progress, b.Progress) })
	case 2:
		slices.SortStableFunc(all, func(a, b snapshot.Render) int { return cmp.Compare(a.Owner, b.Owner) })
	}
	out := []string{"RENDER    STATUS          DONE      AGE  PRIO  OWNER     CAMPAIGN"}
	for _, r := range all {
		out = append(out, fmt.Sprintf("%s  %-13s  %3d %%  %7s  %4d  %s  %s", short(r.ID), r.Status, r.Progress, age(s.At.Sub(r.CreatedAt)),
			r.Priority, padded(r.Owner, 8), clean(r.Campaign)))
	}
	return out
}

func (c screen) style(style, line string) string {
	if !c.styled {
		return line
	}
	return style + c.fit(line) + plain
}

// fit cuts a line to the width.
func (c screen) fit(line string) string {
	if c.width == 0 || strings.HasPrefix(line, "\x1b") { // those are cut already
		return line
	}
	return runewidth.Truncate(line, c.width, "")
}

// padded is a text of somebody else's in exactly width columns.
func padded(text string, width int) string {
	return runewidth.FillRight(runewidth.Truncate(clean(text), width, ""), width)
}

// clean leaves out what moves a terminal's cursor, or worse: names are anybody's.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text)
}

func short(id uuid.UUID) string { return id.String()[:8] }

// age is a duration in at most seven columns.
func age(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 100*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd", int(d.Hours())/24)
}

// Text is a snapshot for files and pipes: all of it, without escape sequences.
func Text(s snapshot.Snapshot) string {
	return strings.Join(screen{}.lines(s, &view{}), "\n") + "\n"
}
