// Package chrometest has what tests of the recorder's packages need to show a page in a real
// Chrome: one that runs behind a proxy of its own, as in Record, a pool of them, and a site to
// show.
package chrometest
