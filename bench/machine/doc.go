// Package machine describes the machine that a benchmark ran on: what a reader needs to compare its
// figures with others.
package machine
