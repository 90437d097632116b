// Package claim turns queued jobs into plans.
//
// One transaction, in the database only, claims the oldest queued job and plans its render, or
// fails the render when its campaign cannot be rendered: a crash at any point leaves the job
// queued. Claimers of all replicas take turns under an advisory lock of the transaction, which
// makes the bound on renders in flight exact.
//
// It is chosen first, by a query in which nothing of the app's runs and which passes over rows that
// somebody holds, and dealt with behind a savepoint then: whatever the database refuses of one job,
// in triggers and checks of the app's too, is known to be that job's. Refused data fails it at
// once; it is set aside for anything else (loom.set_aside), tried again, less and less often, and
// failed in the end. The others go on meanwhile.
//
// What a job becomes:
//
//	the render is new        → a plan, or the render fails with the reason
//	the render has ended     → the job ends with the render's outcome
//	the render has a plan    → the job belongs to it, and ends with it
//	the database refuses it  → the render fails, or the job is set aside
package claim
