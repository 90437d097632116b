// Package ingest claims render jobs, plans renders and conducts their tasks.
//
// It is the only service that decides: recorder, transcoder and uploader do what they are granted.
// All of its state is in Postgres, so any number of replicas may run, and each may be stopped or
// killed at any time.
//
//	plan     turns a campaign into tasks, or says why it cannot be rendered; pure
//	claim    claims jobs and plans them, in one transaction
//	schedule publishes tasks, grants them, hears heartbeats, takes results
package ingest
