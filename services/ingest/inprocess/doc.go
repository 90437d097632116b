// Package inprocess runs the tasks of a plan in one process: without NATS, Postgres and S3, for one
// page at the command line, for benchmarks and for tests.
//
// The tasks are plan.Build's, and the handlers are those of the services. The package does what
// ingest and the workers do between them in an installation: it starts a task when its inputs are
// there, hands over what was stored and found out, and bounds how many tasks run at once. An
// announced output releases the tasks that read it while its own task goes on, so that a scene is
// normalized while it is recorded.
//
//	waiting ──▶ running ──▶ done
//	               └──▶ failed: the other tasks are cancelled
//
// Nothing is tried again: the error of the task that failed first is that of the run.
//
// Objects are files in a folder. Storing and fetching link them, so nothing is copied; therefore
// nobody may write to a file that is stored or was fetched. An object is removed when all tasks
// that read it are done.
package inprocess
