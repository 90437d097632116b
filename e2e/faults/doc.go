// Package faults breaks a running loom-lite in every way that it promises to survive, and checks
// from rows, streams, objects and processes that it kept its promises (docs/guarantees.md).
//
//	suite ── rows ──────────────────────────▶ Postgres
//	  │                                          │
//	  │ kills, stops, wipes                      │      toxiproxy, one for each
//	  │                                          │      service and server
//	  └─▶ ingest × n, workers × m, uploader ──▶ NATS
//	                                             │
//	                                           store proxy ──▶ versitygw
//
// The services are processes of their own, built with the tag "faults" (pkg/fault). Where neither
// Chrome nor FFmpeg is tested, cmd/worker stands in for the recorder and the transcoder: it works
// through pkg/stage, and its "media" are texts, so what a finished video holds can be read.
//
// A run is a fault and a seed. It starts the services, lets renders go through them while the fault
// does its harm, ends the harm, and waits. Then everything must have ended (else it is stuck), as
// it should (else lost), once (else doubled), and when the services have stopped nothing may be
// left behind. The servers stay for the next run, unless a run has failed.
package faults
