// Package control measures what it costs to take renders through their tasks, with workers that do
// no work.
//
//	measure   one build, with everything that it needs, and what it came to
//	servers   Postgres, NATS, S3
//	loom      a build of ours: ingest and idle workers
//	river     the same graph of tasks on River (riverqueue.com), which keeps its queue in Postgres
//	load      renders, and a backlog and a history of them
//	turns     how long a render waits behind others
//	spread    quantiles
//
// Every server and every ingest is a process of its own, so the CPU time of each is known.
package control
