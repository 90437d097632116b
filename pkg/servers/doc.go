// Package servers finds ports for the private servers in its folders, which run Postgres, NATS and
// S3 for `loom up`, `loom render --local` and tests. No service in production uses them.
//
//	postgresd    a Postgres server as a child process, from the machine's own binaries
//	natsd        a NATS server with JetStream in this process
//	s3d          an S3 server, versitygw, as a child process
//
// All of them listen on 127.0.0.1 only. The S3 server of `loom up` is versitygw as a library: it is
// in cmd/loom/local, because its dependencies must not become pkg's.
package servers
