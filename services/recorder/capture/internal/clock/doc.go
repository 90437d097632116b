// Package clock waits in real time.
package clock
