// Package preview makes a few seconds of a finished video into an animated GIF and an animated
// WebP for mails, each within a bound of bytes. Mail programs that do not animate show the first
// picture, so that one shows something of the page.
package preview
