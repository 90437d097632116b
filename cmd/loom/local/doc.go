// Package local runs all of loom-lite in one process: an embedded NATS server with JetStream, an
// embedded S3 server (versitygw), a private Postgres and all services, each talking to the
// servers over the protocols that it uses everywhere else.
//
// Start returns when every service is ready, and Stack.Close ends what Start started, in this
// order:
//
//	recorder, transcoder, uploader   finish or hand back what they do, while ingest still answers
//	ingest
//	S3, NATS, Postgres
//
// What it guarantees:
//   - Everything listens on 127.0.0.1 only. A port that is taken is replaced by a free one.
//   - A data folder belongs to one process at a time, by a lock that the kernel drops with the
//     process.
//   - All state is in the data folder. The exception is Postgres's when this process is root and
//     the user postgres cannot reach the folder: then it lies in /var/lib/loom-lite or
//     /var/tmp/loom-lite, and the log says where.
//   - A Postgres that a crash left behind is stopped at the next start; on Linux the kernel stops
//     it at once.
//   - Any of the three servers is replaced by an external one when its URL is set: DATABASE_URL,
//     NATS_URL, S3_ENDPOINT.
//   - Passwords are random, and kept in files that only their owner can read. NATS has none, as is
//     usual: every process that can reach loopback on this machine can use it.
//
// What it does not guarantee: pages, facecams and watermarks may reach everything on this machine's
// loopback, the embedded NATS included, unless EGRESS_ALLOW is set: then they reach public
// addresses and what it names.
//
// The process's working directory changes while the embedded S3 server runs (see s3Server), so
// there can be one Stack with embedded S3 in a process, and relative paths must be made absolute
// before Start.
package local
