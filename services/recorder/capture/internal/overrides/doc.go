// Package overrides replaces functions of the browser in a page's documents: dialogs, canvases that
// bypass the compositor, and, for repeatable pages, randomness and clocks. Those that pages may
// look at look as they did.
package overrides
