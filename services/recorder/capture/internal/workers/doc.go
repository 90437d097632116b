// Package workers waits for a page's dedicated workers. They run on threads of their own in real
// time, while page time is granted in steps.
package workers
