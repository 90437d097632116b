// Package requests tracks which of a page's requests are under way, and for how long.
//
// The page's clock stands still while Chrome waits for them, and the page is complete when those
// that belong to it have ended. A request that never ends is overdue after a while, and no longer
// waited for.
package requests
