// Package judge says what a page that was opened once would be in a video: the page that was meant,
// or a login, a check for robots, a banner, nothing.
//
// It judges by what was seen alone. Seen is that, and Judge a function of it: it asks nobody.
package judge
