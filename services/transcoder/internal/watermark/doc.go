// Package watermark draws a customer's picture as it is laid over a video.
//
// The picture is a stranger's. It is decoded here, by Go's own decoders within bounds, and written
// anew, so that FFmpeg never sees what came. What is wrong with it is told in a *stage.Error with
// words for the product's user.
package watermark
