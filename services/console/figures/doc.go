// Package figures sums up how an installation does: what ended and when, what waits, and how fast
// its stages are. All of it is read from Postgres, from what recent renders have left there.
package figures
