package msg

import (
	"fmt"
	"strings"

	"github.com/google/uuid"
)

// TaskSubject is where a task's wake-up token goes: task.<kind>.<render>.<task>.
func TaskSubject(r Ref) string { return subject("task", r) }

// TasksOf matches the TaskSubject of every task of a render.
func TasksOf(render uuid.UUID) string { return "task.*." + render.String() + ".*" }

// GrantSubject is where a worker asks for a task: grant.<kind>.<render>.<task>.
func GrantSubject(r Ref) string { return subject("grant", r) }

// HeartbeatSubject is where a worker says that it still works: heartbeat.<kind>.<render>.<task>.
func HeartbeatSubject(r Ref) string { return subject("heartbeat", r) }

// ResultSubject is where a worker reports how an attempt ended: result.<kind>.<render>.<task>.
func ResultSubject(r Ref) string { return subject("result", r) }

// UnreadableSubject is where a worker passes on a message of a task subject that it cannot read, as
// it is and with HeaderUnreadable.
func UnreadableSubject(task string) string { return "result" + strings.TrimPrefix(task, "task") }

const (
	// HeaderUnreadable says why a message could not be read: the message is no result.
	HeaderUnreadable = "Loom-Unreadable"
	// HeaderWorker names the worker that passes such a message on.
	HeaderWorker = "Loom-Worker"
	// MaxUnreadable bounds what is kept of such a message, in bytes.
	MaxUnreadable = 64 << 10
)

// CancelSubject is where a cancel is broadcast to workers: ctl.cancel.<render>.
func CancelSubject(render uuid.UUID) string { return "ctl.cancel." + render.String() }

// EventSubject is where watchers learn what happened: event.<render>.<what>.
func EventSubject(render uuid.UUID, what EventKind) string {
	return fmt.Sprintf("event.%s.%s", render, what)
}

// Wildcards to subscribe to.
const (
	AllGrants     = "grant.>"
	AllHeartbeats = "heartbeat.>"
	AllCancels    = "ctl.cancel.*"
)

func subject(prefix string, r Ref) string {
	return strings.Join([]string{prefix, string(r.Kind), r.RenderID.String(), r.TaskID.String()}, ".")
}
