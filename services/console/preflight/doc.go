// Package preflight asks recorders to open the pages of a campaign once, before anything is
// rendered, and reads what they found.
//
// A preflight and its pages are rows of migrations/0019_preflight.sql, and are deleted after about
// a day. What a page was found to be is msg.PreflightFacts, its picture an object of the work
// bucket. Sheet draws all pictures into one.
package preflight
