// Package scaling measures how much sooner a campaign is recorded by two recorders than by one,
// each with its Chrome on a core of its own.
package scaling
