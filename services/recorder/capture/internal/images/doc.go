// Package images waits for the images that scripts have Chrome decode. That takes real time, in
// which no page time is to pass: a frame of a still page takes a millisecond, a large image as long
// as a hundred of them.
package images
