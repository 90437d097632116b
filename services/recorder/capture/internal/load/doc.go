// Package load requests a page and waits until it is complete: parsed and loaded, its requests
// answered, its fonts and service workers ready. It follows the page to other documents, whichever
// process shows them, and refuses what is not the page: an error, a challenge, a login.
//
// No page time passes meanwhile: how many steps it takes depends on the network.
//
// Errors that are the page's are *pageerror.Error.
package load
