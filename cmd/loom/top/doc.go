// Package top shows what an installation is doing: stages, workers and renders.
//
//	read      a snapshot, from the database
//	layout    a snapshot as lines of a given width and number
//	keys      which keys were pressed
//	watch     a screen that is drawn each second
//
// A snapshot is read by index from the renders in progress and the front of the queue. How many
// renders there ever were makes no difference.
package top
