// Package fleet measures what fleets of recorders, transcoders and uploaders need of ingest,
// Postgres and NATS, with workers that do no work but take as long as if they did.
//
//	fleet     one level: a number of recorders, at a rate
//	workers   the workers, all in one process
//	window    what is read before and after
//
// Workers are real ones of pkg/stage, each with a connection of its own to NATS, and announce
// pieces as recorders do. Nothing is stored: what the object store needs follows from the bytes of
// scenes.
package fleet
