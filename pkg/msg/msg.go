package msg

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/pkg/budget"
)

// Version is the schema version that this build writes and reads.
const Version = 1

// MaxSize bounds a message in bytes; a larger one is ErrMalformed.
const MaxSize = budget.Message

var (
	// ErrMalformed says that a message is not JSON of the expected shape. It will never be
	// readable.
	ErrMalformed = errors.New("malformed message")
	// ErrVersion says that a message was written with a schema version this build does not know.
	// Another build may.
	ErrVersion = errors.New("unknown schema version")
)

// Ref names one task of one render. Every message about a task starts with it.
type Ref struct {
	// Version is the schema version the message was written with.
	Version  int       `json:"v"`
	Kind     Kind      `json:"kind"`
	RenderID uuid.UUID `json:"render_id"`
	TaskID   uuid.UUID `json:"task_id"`
}

// NewRef returns a Ref of this build's schema version.
func NewRef(kind Kind, render, task uuid.UUID) Ref {
	return Ref{Version: Version, Kind: kind, RenderID: render, TaskID: task}
}

// Task is the wake-up token: work may be due. It is sent on TaskSubject.
type Task struct {
	Ref
}

// GrantRequest asks ingest for a task. It is sent on GrantSubject.
type GrantRequest struct {
	Ref
	// Worker names the replica that asks (WORKER_ID).
	Worker string `json:"worker"`
	// RequestID is the same in every repetition of one request. A reply that was lost is then sent
	// again without charging a second attempt.
	RequestID uuid.UUID `json:"request_id"`
	// Tools says what the worker makes outputs with: its build and its programs. What other tools
	// made is not used again. Empty: it does not say.
	Tools string `json:"tools,omitempty"`
}

// Verdict is ingest's answer to a GrantRequest.
type Verdict string

const (
	// Granted: work; Grant says on what.
	Granted Verdict = "granted"
	// Drop: the task is done, cancelled, unknown or someone else's. Acknowledge the message and
	// forget it.
	Drop Verdict = "drop"
	// Later: not now. Ask again after RetryAfter.
	Later Verdict = "later"
)

// GrantReply answers a GrantRequest.
type GrantReply struct {
	Version int     `json:"v"`
	Verdict Verdict `json:"verdict"`
	// Reason says why, for logs, when Verdict is not Granted.
	Reason string `json:"reason,omitempty"`
	// RetryAfter is set when Verdict is Later.
	RetryAfter Duration `json:"retry_after_ms,omitempty"`
	// Rest is set, with the verdict Later, when the worker keeps failing what others can do. It
	// gives the message back at once, and asks for no task until Rest is over.
	Rest Duration `json:"rest_ms,omitempty"`
	// Grant is set when Verdict is Granted.
	Grant *Grant `json:"grant,omitempty"`
}

// ProbeTimeout is the Timeout of a probe. The transcoder's bounds on a facecam's download and
// decoding fit into it: exceeding them is an error of the facecam, exceeding ProbeTimeout one of
// ours.
const ProbeTimeout = 2 * time.Hour

// Grant is the right to work on a task: one attempt, for as long as heartbeats renew its lease.
type Grant struct {
	Ref
	// Attempt counts the grants of this task, from 1. It fences: a result counts only with the
	// current attempt.
	Attempt int `json:"attempt"`
	// Lease is how long the grant lasts without a heartbeat.
	Lease Duration `json:"lease_ms"`
	// HeartbeatEvery is how often to send a Heartbeat.
	HeartbeatEvery Duration `json:"heartbeat_every_ms"`
	// Timeout is how long the attempt may take however well it reports: what hangs must end. 0 sets
	// no bound.
	Timeout Duration `json:"timeout_ms,omitempty"`
	// Params is the kind's parameters: RecordParams, ProbeParams, NormalizeParams, …
	Params json.RawMessage `json:"params"`
	// Inputs are the objects to read, by name.
	Inputs map[string]Input `json:"inputs,omitempty"`
	// Outputs are the objects to write, by name. All of them must be written before the result is
	// sent.
	Outputs map[string]Output `json:"outputs,omitempty"`
	// Bundle is where to write a failure bundle, if the attempt fails and has one: files, in a zip,
	// that help to find out why. Nil: nowhere. It is no output: nothing reads it but people.
	Bundle *Output `json:"failure_bundle,omitempty"`
}

// Input is an object that another task wrote.
type Input struct {
	// Key is the object's key in the work bucket.
	Key string `json:"key,omitempty"`
	// URL is a presigned GET URL.
	URL SignedURL `json:"url,omitempty"`
	Parts
	// Facts are what the task that wrote it reported: RecordFacts, ProbeFacts, VideoFacts, …
	Facts json.RawMessage `json:"facts,omitempty"`
}

// Output is an object that this task writes.
type Output struct {
	// Key is the object's key in the work bucket.
	Key string `json:"key"`
	// URL is a presigned PUT URL. The request must carry ContentType.
	URL SignedURL `json:"url"`
	// ContentType is signed into URL.
	ContentType string `json:"content_type"`
	Parts
}

// SignedURL is a URL that gives access to anyone who has it. It prints as a placeholder, so that it
// cannot reach a log by accident. Convert it to a string to use it.
type SignedURL string

// String returns a placeholder, never the URL.
func (SignedURL) String() string { return "[signed url]" }

// GoString returns a placeholder, never the URL.
func (SignedURL) GoString() string { return "[signed url]" }

// Heartbeat says that a worker still works. It is sent on HeartbeatSubject.
type Heartbeat struct {
	Ref
	Attempt int    `json:"attempt"`
	Worker  string `json:"worker"`
	// Progress of the attempt, 0 to 1.
	Progress float64 `json:"progress"`
	// Stored names the outputs that are stored for good although the attempt goes on: what needs
	// nothing else may start.
	Stored []string `json:"stored,omitempty"`
	// Also are heartbeats of other attempts of the same worker and stream, MaxAlso at most. They
	// have none themselves. An ingest of an older release overlooks them.
	Also []Heartbeat `json:"also,omitempty"`
}

// MaxAlso bounds Heartbeat.Also.
const MaxAlso = 63

// HeartbeatReply answers a Heartbeat.
type HeartbeatReply struct {
	Version int `json:"v"`
	// Stop tells the worker that its attempt is no longer wanted: stop, and report nothing.
	Stop   bool   `json:"stop"`
	Reason string `json:"reason,omitempty"`
	// Also answers Heartbeat.Also, in its order. Without it they were overlooked.
	Also []HeartbeatReply `json:"also,omitempty"`
}

// Outcome is how an attempt ended.
type Outcome string

const (
	// Done: all outputs are stored.
	Done Outcome = "done"
	// Failed: Result.Failure says why.
	Failed Outcome = "failed"
	// HandedBack: the worker could not go on through no fault of the task (a drain, an expired
	// URL). Nothing is charged.
	HandedBack Outcome = "handed_back"
)

// Result reports how an attempt ended. It is published on ResultSubject.
type Result struct {
	Ref
	Attempt int     `json:"attempt"`
	Worker  string  `json:"worker"`
	Outcome Outcome `json:"outcome"`
	// Facts is what the kind found out: RecordFacts, ProbeFacts, … Set when Outcome is Done.
	Facts json.RawMessage `json:"facts,omitempty"`
	// Failure is set when Outcome is Failed.
	Failure *Failure `json:"failure,omitempty"`
	// Reason is set when Outcome is HandedBack.
	Reason string `json:"reason,omitempty"`
	// Elapsed is the wall time of the attempt.
	Elapsed Duration `json:"elapsed_ms"`
	// Used is what the attempt used. Nil: the worker does not say, or did not begin.
	Used *Usage `json:"used,omitempty"`
}

// Usage is what an attempt used, as far as its worker can tell.
type Usage struct {
	// Children is the CPU time, user and system, of the programs that ran for this attempt alone:
	// Chrome and FFmpeg.
	Children Duration `json:"children_cpu_ms"`
	// Worker is the attempt's share of the CPU time of the worker's process itself: while it works
	// on several, each has the same.
	Worker Duration `json:"worker_cpu_ms"`
	// In are bytes that were read from the store, and Out those that were written to it, with what
	// was tried again.
	In  int64 `json:"bytes_in"`
	Out int64 `json:"bytes_out"`
	// Web are bytes that came from the web: of pages, facecams and watermarks, as they were sent.
	Web int64 `json:"bytes_web"`
}

// Failure says why an attempt failed: once for the product's user, once for its operator.
type Failure struct {
	// Code is stable: programs may rely on it.
	Code Code `json:"code"`
	// Message is for the product's user: plain words, no secret, no path.
	Message string `json:"message"`
	// Detail is for the operator: the error chain, the tail of a child process's stderr. No signed
	// URL.
	Detail string `json:"detail,omitempty"`
	// Permanent: trying again cannot help.
	Permanent bool `json:"permanent,omitempty"`
	// Bundle: a failure bundle is stored where the grant said.
	Bundle bool `json:"failure_bundle,omitempty"`
}

// Cancel tells every worker to stop work on a render. It is broadcast on CancelSubject. A worker
// that missed it learns the same from the answer to its next heartbeat.
type Cancel struct {
	Version  int       `json:"v"`
	RenderID uuid.UUID `json:"render_id"`
}

// Event is something that happened to a render, for watchers. It is published on EventSubject and
// never read back by the pipeline.
type Event struct {
	Version  int       `json:"v"`
	RenderID uuid.UUID `json:"render_id"`
	What     EventKind `json:"what"`
	// Status and Progress are those of the renders row.
	Status   string    `json:"status"`
	Progress int       `json:"progress"`
	Code     Code      `json:"error_code,omitempty"`
	Message  string    `json:"error_message,omitempty"`
	At       time.Time `json:"at"`
}

// EventKind is the last token of an event's subject.
type EventKind string

const (
	// EventPlanned: the render's job was claimed and its tasks written.
	EventPlanned EventKind = "planned"
	// EventProgress: status or progress moved.
	EventProgress EventKind = "progress"
	// EventEnded: the render is done, failed or cancelled.
	EventEnded EventKind = "ended"
)

// Duration is a time.Duration whose JSON is a whole number of milliseconds.
type Duration time.Duration

// MarshalJSON writes milliseconds.
func (d Duration) MarshalJSON() ([]byte, error) {
	return json.Marshal(time.Duration(d).Milliseconds())
}

// UnmarshalJSON reads milliseconds.
func (d *Duration) UnmarshalJSON(data []byte) error {
	var ms int64
	if err := json.Unmarshal(data, &ms); err != nil {
		return err
	}
	if most := int64(math.MaxInt64 / time.Millisecond); ms > most || ms < -most {
		return fmt.Errorf("a duration of %d ms is out of range", ms)
	}
	*d = Duration(time.Duration(ms) * time.Millisecond)
	return nil
}
