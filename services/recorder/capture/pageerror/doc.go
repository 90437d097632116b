// Package pageerror has the error of a page that cannot be recorded: a stable code, whether trying
// again can help, and the cause.
//
// Its functions turn what a browser, a proxy or a server says into such an error.
package pageerror
