// Package receipts reads what renders used and cost.
//
// A receipt is of one render: all that was done for it, what was retried, and what an earlier job
// of it did. Usage is of users and days.
//
// What is counted: CPU time and bytes that workers reported (msg.Usage). What is not: Postgres,
// NATS and ingest; attempts of which nobody said what they used, which a receipt counts as
// unreported; and what was reused, which the render that made it has paid.
package receipts
