// Package remote works with an installation over its API, with the Go client of clients/go. What it
// returns are the values that the console's own packages read from the database, and their errors.
package remote
