// Package process tells what a process and all that it started used: CPU time and memory.
//
// CPU time is what the kernel accounts to processes that have ended and were waited for (getrusage
// of the children), so nothing is lost between two looks. For that, every descendant must be waited
// for by somebody who is waited for in turn: Adopt makes orphans ours, such as what is left of a
// browser whose first process was killed, and End waits for them. The time of a process whose
// parent ignores SIGCHLD is lost; Chrome, Node.js and FFmpeg do not.
//
// Memory is looked at from outside while the work goes on: see Memory.
package process
