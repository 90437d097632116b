// Package child runs child processes, and finds and ends what they leave behind.
//
// What it guarantees:
//   - A child leads a process group of its own: a signal from the terminal does not reach it, and
//     one signal reaches all that it started.
//   - When its context ends, its group gets SIGTERM, and SIGKILL when it has not ended within a
//     bound.
//   - On Linux the kernel ends it when this process is killed, where the caller asks for that.
//   - Every child is waited for.
//
// Run is for a program that works and ends, such as FFmpeg. Start is for one that runs until it is
// stopped, such as Chrome or Postgres. StartKept is for a test's server, which ends with this
// process however that ends.
//
// Descendants and Group find processes, Reap and AdoptOrphans deal with those whose parent has
// ended.
//
// It builds on Unix. Limits and AdoptOrphans need Linux; elsewhere limits do nothing and
// AdoptOrphans fails.
package child
