// Package snapshot reads what an installation is doing at one moment: stages, workers and renders.
//
// A snapshot is read by index from the renders in progress and the front of the queue. How many
// renders there ever were makes no difference.
package snapshot
