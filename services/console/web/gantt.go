package web

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/console/renders"
)

// timeline is when a render's tasks waited and ran.
type timeline struct {
	Lanes []lane
	// Ticks are times below the lanes.
	Ticks []tick
}

// lane is a task's line.
type lane struct {
	Name  string
	State mark
	// Reused: nobody worked on it for this plan. Source is the render that it was done for.
	Reused bool
	Source *uuid.UUID
	Spans  []span
}

// span is a stretch of a lane. X and Width are hundredths of the timeline.
type span struct {
	Class    string
	X, Width string
	Title    string
}

type tick struct{ X, Text string }

// readiness is when each task that has a row could have begun: all that it needs was there. asked
// is when the render was last asked for, which is not when it was created if it was retried.
func (s *Server) readiness(ctx context.Context, tasks []renders.Task) (ready map[uuid.UUID]time.Time, asked *time.Time, err error) {
	ids := make([]string, len(tasks))
	for i, t := range tasks {
		ids[i] = t.ID.String()
	}
	rows, err := s.cfg.DB.Query(ctx, `select t.id, greatest(t.created_at, (select max(n.ended_at) from loom.tasks n where n.id = any (t.needs))), j.created_at
		from loom.tasks t join loom.plans p on p.id = t.plan_id left join public.render_jobs j on j.id = p.job_id
		where t.id = any ($1::text[]::uuid[])`, ids)
	if err != nil {
		return nil, nil, fmt.Errorf("read when tasks were ready: %w", err)
	}
	ready = map[uuid.UUID]time.Time{}
	for rows.Next() {
		var id uuid.UUID
		var at *time.Time
		if err := rows.Scan(&id, &at, &asked); err != nil {
			return nil, nil, fmt.Errorf("read when tasks were ready: %w", err)
		}
		if at != nil {
			ready[id] = *at
		}
	}
	return ready, asked, rows.Err()
}

// draw makes a timeline from begin to end.
func draw(tasks []renders.Task, ready map[uuid.UUID]time.Time, begin, end time.Time) timeline {
	whole := max(end.Sub(begin), time.Millisecond)
	at := func(t time.Time) float64 { return min(max(float64(t.Sub(begin))/float64(whole), 0), 1) * 100 }
	var line timeline
	names := namesOf(tasks)
	for i, t := range tasks {
		l := lane{Name: names[i], State: statusOf(t.State), Reused: t.Reused, Source: t.ReusedFrom}
		// A task may begin before what it needs has ended, on what is there of it: then it did not
		// wait. No span has a negative width.
		add := func(class string, from, to time.Time, title string) {
			x, width := at(from), at(to)-at(from)
			if width <= 0 && class == "wait" {
				return
			}
			l.Spans = append(l.Spans, span{class, hundredths(x), hundredths(max(width, 0.15)), title})
		}
		idle, known := ready[t.ID]
		for _, a := range t.Attempts {
			if known {
				add("wait", idle, a.GrantedAt, "waited "+lasted(a.GrantedAt.Sub(idle)))
			}
			until, outcome := end, "runs"
			if a.EndedAt != nil {
				until = *a.EndedAt
			}
			if a.Outcome != nil {
				outcome = *a.Outcome
			}
			add(classOf(outcome), a.GrantedAt, until, fmt.Sprintf("attempt %d, %s: %s, by %s", a.Attempt, words(outcome), lasted(until.Sub(a.GrantedAt)), a.Worker))
			idle, known = until, true
		}
		if t.Waits() && known {
			add("wait", idle, end, "waits since "+lasted(end.Sub(idle)))
		}
		line.Lanes = append(line.Lanes, l)
	}
	for i := range 5 {
		line.Ticks = append(line.Ticks, tick{strconv.Itoa(i * 25), lasted(whole * time.Duration(i) / 4)})
	}
	return line
}

func hundredths(x float64) string { return strconv.FormatFloat(x, 'f', 2, 64) }

func classOf(outcome string) string {
	switch outcome {
	case "done":
		return "done"
	case "failed", "lapsed":
		return "fail"
	case "stopped", "handed_back":
		return "off"
	}
	return "run"
}

// verbs are what people call the kinds of tasks.
var verbs = map[msg.Kind]string{
	msg.Record: "Record", msg.Probe: "Probe facecam", msg.Draw: "Draw watermark", msg.Normalize: "Normalize", msg.Concat: "Join",
	msg.Overlay: "Lay sound over", msg.Upload: "Upload",
}

func verbOf(kind msg.Kind) string {
	if verb, found := verbs[kind]; found {
		return verb
	}
	return string(kind)
}

func nameOf(t renders.Task) string {
	if t.Scene > 0 {
		return verbOf(t.Kind) + " " + strconv.Itoa(t.Scene)
	}
	return verbOf(t.Kind)
}

// namesOf are the names of a render's tasks. A scene that is done in parts has several of a kind.
func namesOf(tasks []renders.Task) []string {
	names, parts, so := make([]string, len(tasks)), map[string]int{}, map[string]int{}
	for i, t := range tasks {
		names[i] = nameOf(t)
		parts[names[i]]++
	}
	for i, name := range names {
		if so[name]++; parts[name] > 1 {
			names[i] = fmt.Sprintf("%s, %d of %d", name, so[name], parts[name])
		}
	}
	return names
}
