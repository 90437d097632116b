// Package system runs loom-lite's own programs for a measurement of all of it: servers that are
// fresh, and services as processes of their own.
package system
