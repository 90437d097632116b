// Package msg holds the contracts between the services: which streams and subjects there are, and
// the JSON of every message on them.
//
// A task message is a wake-up token: it names a task and nothing else, because people look at
// streams, and because only Postgres knows whether the task is still wanted. What to do, and the
// signed URLs to do it with, come in the reply to a grant request.
//
//	ingest                                  worker
//	  │ ── task.<kind>.<render>.<task> ──────▶ │   JetStream, work queue: Task
//	  │ ◀── grant.<kind>.<render>.<task> ───── │   request: GrantRequest, reply: GrantReply
//	  │ ◀── heartbeat.<kind>.<render>.<task> ─ │   request: Heartbeat, reply: HeartbeatReply
//	  │ ◀── result.<kind>.<render>.<task> ──── │   JetStream, work queue: Result
//	  │ ── ctl.cancel.<render> ──────────────▶ │   broadcast: Cancel
//	  └ ── event.<render>.<what> ─────────────▶    JetStream, limits: Event, for those who watch
//
// Every message carries the schema version it was written with. A reader that meets another version
// hands the message back (ErrVersion), so that two releases can run side by side; what cannot be
// read at all is ErrMalformed. The golden files in testdata pin the JSON: a change there is a
// change of contract.
package msg
