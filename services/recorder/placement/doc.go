// Package placement keeps a Chrome whose page stands still on one core, together with the thread of
// ours that reads what it writes.
//
// For each still frame, Chrome's threads and that thread wake one another dozens of times. Linux
// wakes each on an idle core if there is one, which has to be woken, too. On one core, a still
// frame takes about half the time (docs/adr/0011-cores.md, docs/performance.md).
//
// [New] returns the machine's cores, [Cores.Pipe] the end of a Chrome's pipe that is to be read,
// and [Pipe.Still] says whether its page stands still. While it does:
//
//   - The goroutine that reads the pipe has a thread of its own, which blocks in the read.
//     Otherwise, Go's poller waits for what Chrome writes.
//   - If there is a core to hand out, this thread and all of Chrome's keep to it
//     (sched_setaffinity). Each Chrome takes a core that the fewest others of this process have.
//   - On it, none of them interrupts another (SCHED_BATCH). The others wait until the one that runs
//     waits, which is soon.
//
// All of it is an optimisation for Linux, and changes no frame: what cannot be moved stays where it
// is. On other systems, New returns nil.
package placement
