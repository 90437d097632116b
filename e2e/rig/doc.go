// Package rig runs the whole of loom-lite for a test, on real parts: the four services as processes
// of their own, against a private Postgres, a NATS server and an S3 server that are processes too,
// and a website with pages and facecams.
//
//	test ── rows ──▶ Postgres ◀── ingest, uploader
//	 │                            │
//	 │ signals, kill, wipe       NATS ◀── recorder × n, transcoder × m
//	 │                            │
//	 └── holds ──▶ Site (pages) ◀─┴─▶ Store (a proxy before the S3 server)
//
// A test catches a task midway with a Hold: a page or an S3 request that waits until the test
// releases it. So nothing depends on how fast the machine is.
//
// A test has a pipeline to itself (Start), and leaves it to the next one. What it has killed is
// replaced in between.
//
// Every service that is not killed must end on SIGTERM with status 0 and leave no child behind, and
// no log may hold a secret or a signed URL. When a test has failed, all logs are printed.
package rig
