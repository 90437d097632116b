// Package schedule carries renders through their tasks. Postgres is the truth and JetStream carries:
// the conductor keeps no state that it could lose, so any number of replicas may run, and a restart
// of anything loses nothing.
//
// A task, as loom.tasks has it:
//
//	           its needs are done           a worker is granted it          its result is accepted
//	waiting ───────────────────────▶ due ────────────────────────▶ running ───────────────────────▶ done
//	                                  ▲                               │
//	                                  └───────────────────────────────┤ failed and retried, handed back,
//	                                                                  │ or its lease lapsed and it is granted anew
//	                                                                  └─▶ failed, and its render with it
//
// The parts, each in a file of its own:
//
//	streams     makes streams and consumers, and makes them again when they were lost
//	counts      has consumers made again that have lost messages
//	dispatcher  publishes a wake-up token for every task that is due, again and again until it is granted
//	taken       looks into subjects that stay taken though nobody works on their task
//	requests    answers grants (with signed URLs) and heartbeats
//	results     closes attempts by what workers report
//	watcher     sees renders end, whoever ended them: tells workers to stop, tells watchers
//	sweeper     deletes the work objects of renders that ended a while ago, and copies of finished files that are nobody's
//	lanes       keep a render whose rows somebody holds out of the others' way
//	hearing     knows whether leases could be renewed, and so whether they lapse
//
// What it promises:
//   - There is one mechanism for recovery: dispatching is repeating. A token that is lost, a stream that is wiped, a
//     worker that dies: the task is, or becomes, due, and is published again.
//   - A refused publish (the subject has a message) means "not now", never "queued": only a grant ends the repeating. It is
//     a claim, and checked: a message that reaches nobody for a lease's length is replaced, whatever lost it.
//   - Every change of a task goes through a function in the database that checks task and attempt under the render's
//     lock. A result that is delivered twice, late, or to two replicas changes nothing the second time.
//   - A result is acknowledged only when the database has it. While Postgres is away results wait in their stream, and
//     running workers are told to go on.
//   - A lease lapses only when those who hold it could have been heard.
//   - A row that somebody holds is waited for by its render alone.
//   - Nothing here ends the process because a server is away.
package schedule
