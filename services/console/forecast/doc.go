// Package forecast says when renders will end.
//
//	forecaster  reads, simulates, and answers; what it found holds for a second
//	read        what is in hand and in front, slots and bounds, recent receipts: bounded reads
//	speed       how long tasks take, by what tasks of recent renders took
//	work        the tasks of a render, and which wait for which
//	simulate    gives tasks to slots as ingest does, until the last has ended
//
// A forecast is of what is known now: renders that are queued later with a higher priority, or by
// somebody whose turn is earlier, come in front of it, and workers come and go. How far forecasts
// were off is measured: docs/performance.md.
package forecast
