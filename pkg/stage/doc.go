// Package stage is the loop that every worker is: recorder, transcoder and uploader are handlers
// for it.
//
//	pull ──▶ decode ──▶ grant ──▶ handle ──▶ settle
//	  ▲         │ unreadable: dropped   │         │ done, failed: result sent, then acknowledged
//	  │         │ another release's:    │         │ draining: handed back, uncharged
//	  │         │ goes back             │         │ told to stop: given up
//	  └─────────┴───────────────────────┴─────────┘
//
// A message is a wake-up token. Whether there is work, and on what, ingest says in its grant;
// whether there still is, in its answers to heartbeats. So nothing depends on a message being
// delivered exactly once, or at all:
//
//   - A slot pulls one message at a time, and none while it works.
//   - Outputs are stored before the result is published; the result is in its stream before the
//     message is acknowledged. A crash between any two repeats work, and loses none.
//   - While nobody answers, an attempt goes on, and its result waits in its stream.
//   - An attempt that ingest no longer wants is cancelled, and reports nothing. Should it report
//     all the same, the attempt number has it refused.
//   - A stop (Run's context) pulls no more at once, gives running tasks the drain time, hands back
//     what is left without a charge, and Run returns when all of it has ended.
//   - No signed URL and no password gets into a result or a log.
//
// # Adding a stage
//
// Write a Handler, give New the kinds it handles, and Run it. Handlers know nothing of NATS: see
// Task.
package stage
