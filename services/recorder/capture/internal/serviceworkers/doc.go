// Package serviceworkers tracks the service workers that a page registers. One that is being set up
// is part of the page: some pages load themselves again when it is active, and show nothing without
// it.
package serviceworkers
