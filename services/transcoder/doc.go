// Package transcoder is loom-lite's transcoder service.
package transcoder
