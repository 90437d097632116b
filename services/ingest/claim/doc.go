// Package claim turns queued jobs into plans.
//
// One transaction, in the database only, claims the oldest queued job and plans its render, or fails the render when its
// campaign cannot be rendered: a crash at any point leaves the job queued. Claimers of all replicas take turns under an
// advisory lock of the transaction, which makes the bound on renders in flight exact.
//
// The job's row is locked before the render's, against the order that everything else keeps (renders, tasks, jobs), so a
// render that somebody holds is not waited for: the claim is undone and tried again.
//
// What a job becomes:
//
//	the render is new        → a plan, or the render fails with the reason
//	the render has ended     → the job ends with the render's outcome
//	the render has a plan    → the job belongs to it, and ends with it
//	the render is gone       → the job fails
package claim
