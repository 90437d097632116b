// Package facecam tells what a customer's file is when it is no usable video.
package facecam
