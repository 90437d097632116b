// Package bulk does something to all renders that a filter means: it retries or cancels them, or
// gives them another priority.
//
// An action is a row. Count says beforehand how many renders it would be about. Create writes it
// with those renders, and a Runner, in any console, carries it out: one at a time holds its lease.
// Each render is changed in the transaction that crosses it off, with its entry in the audit log,
// in the name of who asked. So it is changed once, whatever is killed, and an action that nobody
// carries out any more is gone on with by another console.
//
// A filter that is empty is refused: it would mean everything.
package bulk
