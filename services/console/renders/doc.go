// Package renders submits renders and reads how they are, as the app and its operator do: through
// the database alone.
package renders
