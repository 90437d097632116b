// Package retry repeats work while a server that it needs is away.
//
// Backoff bounds the pauses between tries. Outage adds what a loop that runs as long as its process
// needs: one log line when an outage starts and one when it ends, however many tries lie between.
package retry
