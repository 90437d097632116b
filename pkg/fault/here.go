//go:build !faults

package fault

// Here does nothing in this build.
func Here(Step) {}
