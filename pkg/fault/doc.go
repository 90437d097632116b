// Package fault marks the places in which the fault suite (e2e/faults) kills a service: between the
// steps of its work, where a crash is most likely to lose something or to do it twice.
//
// A build with the tag "faults" reads FAULT_KILL, the name of a step, and FAULT_PASS, a number from
// 1 (the default). When the process gets to that step that many times, it sends itself SIGKILL.
// Without the tag Here is empty and the compiler leaves it out, so no release can be killed by its
// environment.
package fault
