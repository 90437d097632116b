// Package stage is the loop of every worker. Recorder, transcoder and uploader are handlers for it.
//
//	pull ──▶ decode ──▶ grant ──▶ handle ──▶ settle ──▶ pull …
//	            │         │                     │
//	            │         │                     ├── done, failed: the result is sent, then the
//	            │         │                     │   message is acknowledged
//	            │         │                     ├── draining: the task is handed back, uncharged
//	            │         │                     └── not wanted: the attempt is abandoned
//	            │         └── drop, later: the message is acknowledged, or goes back
//	            └── unreadable: dropped; another release's: goes back
//
// A message is a wake-up token. A grant from ingest says what to work on; the answers to heartbeats
// say whether the attempt is still wanted. So nothing depends on a message being delivered exactly
// once, or at all:
//
//   - A slot pulls one message at a time, and none while it works.
//   - Outputs are stored before the result is published. The result is in its stream before the
//     message is acknowledged. A crash in between repeats work and loses none.
//   - While ingest does not answer, an attempt goes on, and its result waits in its stream.
//   - An attempt that ingest no longer wants is cancelled and reports nothing. If it does report,
//     ingest refuses its attempt number.
//   - When Run's context is cancelled, the worker stops pulling, gives running tasks the drain
//     time, hands back the rest without a charge, and Run returns when everything has ended.
//   - No signed URL and no password gets into a result or a log.
//
// # Adding a stage
//
// Write a Handler, give New the kinds it handles, and Run it. Handlers know nothing of NATS: see
// Task.
package stage
