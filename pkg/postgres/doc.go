// Package postgres opens the pool of connections that ingest and the uploader use.
//
// Everything works on direct connections, and through a pooler in session mode. Through a pooler in
// transaction mode (Supabase's port 6543, PgBouncer with pool_mode = transaction) each transaction
// may run on another server connection, so LISTEN and session-level advisory locks do not work:
// SessionMode finds that out. Only connections to the server itself keep prepared statements.
//
// The bound of a pool does not depend on the number of cores. A connection is closed when its
// server accepts no changes (25006: the old primary after a failover), and when it does not answer
// in the caller's time.
package postgres
