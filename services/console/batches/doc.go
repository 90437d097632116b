// Package batches makes a render for each row of a list of people.
//
//	source ──check──▶ preview            nothing is written: all rows were looked at
//	       ──create─▶ batch, renders     in one transaction, some hundred rows with a statement
//
// A list is read row by row, twice: it is never held as a whole. An external id has one render in a
// campaign, so a list that is sent again makes nothing again. How renders end is noted by the
// database (migrations/0030_batches.sql), which completes the batch with the last of them. A Keeper
// looks after what that could not note.
package batches
