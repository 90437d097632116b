// Package postgres opens the pool of connections that ingest and the uploader use.
//
// Directly, or through a pooler in session mode, everything works. Through a pooler in transaction
// mode (Supabase's port 6543, PgBouncer with pool_mode = transaction) each transaction may run on
// another server connection: LISTEN and session-level advisory locks cannot be used, which
// SessionMode finds out. Prepared statements are kept on connections to the server itself alone.
//
// A pool is bounded, whatever the machine has of cores. A connection whose server takes no changes
// (25006: the old primary after a failover) is closed, and so is one that does not answer in the
// caller's time.
package postgres
