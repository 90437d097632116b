// Package maintain removes what nobody needs any more, and measures what is kept.
//
// Replicas of ingest elect a leader, which runs all jobs:
//
//	   takes the lease           cannot renew it in time, or stops
//	wait ───────────▶ lead ─────────────────────────────────────▶ wait
//
// The files:
//
//	leader      takes, renews and gives up the lease (loom.leader)
//	jobs        lists the jobs, repeats each, and counts what it did
//	sweep       deletes work objects after their retention, and copies that belong to no render
//	orphans     deletes work objects that no task needs, whatever left them behind
//	bucket      makes sure that no other database has objects in the work bucket
//	uploads     ends uploads that nobody will complete
//	rows        deletes rows that say nothing any more
//	history     thins what is kept of renders that ended long ago
//	tables      measures the tables
//	metrics     what each job did, and when it last succeeded
//
// Guarantees:
//   - At most one replica leads. When it dies, stands still or is cut off, another leads within the
//     lease and a third. The lease is a row, so this works through every pooler.
//   - Nothing depends on it: each job may run twice at the same time, or end at any instruction,
//     and a later run completes what is left.
//   - No object is deleted that a task of this database needs or may come to need, and none of
//     another database or another program.
//   - Whatever is in use waits for no job. Jobs work in small steps, skip rows that are locked, and
//     pause in between.
package maintain
