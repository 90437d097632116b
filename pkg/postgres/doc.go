// Package postgres opens the pool of connections that ingest and the uploader use.
//
// Directly, or through a pooler in session mode, everything works. Through a pooler in transaction mode (Supabase's
// port 6543, PgBouncer with pool_mode = transaction) each transaction may run on another server connection: prepared
// statements are switched off by themselves, and LISTEN and session-level advisory locks cannot be used, which
// SessionMode tells.
package postgres
