// Package chrome finds, starts and ends Chrome's headless shell, the build of Chrome in which a
// frame is drawn exactly on request.
//
// It guarantees that a Process runs in a process group and a profile of its own, with nothing of
// ours in its environment but the library that it is to preload, reaches the network only through
// the proxy it is given, and is gone when Close returns: every process of the group reaped or
// reparented and dead, the profile removed.
package chrome
