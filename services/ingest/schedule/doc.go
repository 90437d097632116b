// Package schedule takes renders through their tasks. All state is in Postgres and JetStream only
// carries messages: the scheduler keeps nothing that it could lose, so any number of replicas may
// run, and a restart of anything loses nothing.
//
// The states of a task in loom.tasks:
//
//	        its needs are done       a worker is granted it       its result is accepted
//	waiting ─────────────────▶ due ──────────────────────▶ running ────────────────────▶ done
//	                            ▲                             │
//	                            └─────────────────────────────┤ it failed and is retried, or was
//	                                                          │ handed back, or its lease lapsed
//	                                                          └▶ failed, and its render with it
//
// The files:
//
//	scheduler    runs all parts, and the loop that publishes tasks and events
//	taskstore    reads and changes tasks in Postgres
//	streams      creates streams and consumers, and creates them again when they were lost
//	audit        has consumers that lost messages created again
//	dispatcher   publishes a message for every due task, and repeats it until the task is granted
//	stuck        deletes messages that keep a subject taken though no worker acts on them
//	gather       does what several callers want in one transaction
//	requests     answers grant requests (with signed URLs) and heartbeats
//	parts        fits the signed URLs of a grant into one message
//	results      closes attempts with the results of workers
//	watcher      publishes progress and ends of renders, and tells workers to stop
//	unqueue      deletes the messages of a render that has ended
//	unreadable   keeps messages that cannot be read
//	workers      watches which workers rest
//	hosts        bounds the pages of one host that are recorded at once
//	renderlocks  keeps a render whose rows are locked from delaying others
//	leaseclock   lets leases lapse only if heartbeats could be received
//
// Guarantees:
//   - Repeating is the only mechanism of recovery. Whether a message is lost, a stream is wiped or
//     a worker dies: the task is due, or becomes due, and is published again.
//   - A publish that JetStream refuses, because the subject has a message, never counts as queued:
//     only a grant ends the repeating. A message that reaches no worker for a lease is replaced.
//   - Every change of a task is a function in the database that checks the task's state and attempt
//     under the render's lock. A result that arrives twice, late, or at two replicas has no effect
//     the second time.
//   - A result is acknowledged only when it is in the database. While Postgres is away, results
//     wait in their stream and workers are told to go on.
//   - A lease lapses only if its worker's heartbeats could have been received.
//   - Rows that somebody has locked delay their own render only.
//   - No server that is away ends the process.
package schedule
