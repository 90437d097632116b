// Package top shows what an installation is doing: stages, workers and renders.
//
//	layout    a snapshot as lines of a given width and number
//	keys      which keys were pressed
//	watch     a screen that is drawn each second
package top
