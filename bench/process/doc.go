// Package process measures what a process and all that it started used: CPU time and memory.
//
// CPU time is what the kernel accounts to processes that have ended and were waited for (getrusage
// of the children), so nothing is lost between two samples. For that, every descendant must be
// waited for by a process that is itself waited for: child.AdoptOrphans makes this process the
// parent of orphans, such as the rest of a browser whose first process was killed, and End waits
// for them. The time of a process whose parent ignores SIGCHLD is lost; Chrome, Node.js and FFmpeg
// do not ignore it.
//
// Memory is sampled from outside while the work goes on: see Memory.
package process
