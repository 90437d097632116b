// Package assets tracks the scripts, stylesheets and fonts of a page's own site, and the exceptions
// of its scripts: what of them did not come, or failed, may be why a video does not show the page
// as its owner knows it.
//
// A site is everything below one registrable domain.
package assets
