// Package ingest claims render jobs, plans renders and schedules their tasks.
//
// It is the only service that decides: recorder, transcoder and uploader do what they are granted.
// All of its state is in Postgres, so any number of replicas may run, and each may be stopped or
// killed at any time.
//
//	plan      turns a campaign into tasks, or returns why it cannot be rendered; no I/O
//	claim     claims jobs and plans their renders, in one transaction
//	schedule  publishes tasks, grants them, renews leases and applies results
//	maintain  removes what nobody needs any more; one replica does it
package ingest
