// Package animations moves a page's animations and animation frames by the page's own time, where
// Chrome draws frames when it sees fit: there they would follow the wall clock.
package animations
