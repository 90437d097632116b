// Package script names the scripts that the recorder runs in pages.
//
// Each has an address that begins with loom:, so that an exception of the recorder's scripts is
// told from one of the page's.
package script
