// Package claim turns queued jobs into plans.
//
// One transaction, which does nothing outside the database, claims the oldest queued job and plans
// its render, or fails the render if its campaign cannot be rendered. A crash at any point leaves
// the job queued. Replicas claim one at a time, under an advisory lock of the transaction, which
// makes the bound on renders in flight exact.
//
// A query chooses the job; it runs nothing of the app's and skips rows that are locked. The job is
// then processed behind a savepoint, so that an error of the database, the app's triggers and
// checks included, is known to belong to that job. If the database refuses the data, the job fails
// at once. After any other error it is set aside (loom.set_aside), retried less and less often, and
// fails in the end. Other jobs go on meanwhile.
//
// What becomes of a job:
//
//	the render is new          → a plan, or the render fails with the reason
//	the render is done         → the job is completed
//	it failed, was cancelled   → the same if the job was queued before; else a plan: a retry
//	the render has a plan      → the job joins it, and ends with it
//	the database refuses it    → the render fails, or the job is set aside
package claim
