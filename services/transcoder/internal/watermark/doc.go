// Package watermark draws a customer's picture as it is laid over a video.
//
// The picture is a stranger's. Go's own decoders decode it within bounds and it is written as a new
// PNG, so that FFmpeg never reads the original. A picture that cannot be used is a *stage.Error
// with words for the product's user.
package watermark
