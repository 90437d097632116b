// Package thumbnail chooses a frame of a finished video that shows something of the page, and
// writes it as two JPEGs: one of the video's size, and a small one.
package thumbnail
