// Package transcoder is the service that works with FFmpeg. It handles four kinds of task:
//
//	probe      a facecam's URL          ▶ the facecam, measured and proven to be a video
//	           a watermark's URL        ▶ the watermark, drawn at its size
//	normalize  a mezzanine (+ facecam)  ▶ a segment: H.264, exactly the frames asked for, the facecam's bubble and the watermark on it
//	concat     all segments             ▶ one file, not a packet touched (and the finished video, without a facecam)
//	overlay    joined (+ facecam)       ▶ the finished video: the joined picture as it is, and the facecam's sound
//
// What it promises:
//   - A picture is encoded once, in normalize. Colours are converted, not only labelled: limited-range BT.709.
//   - Time is counted in frames. A segment's facecam frames are found by number, the sound's length by samples.
//   - Everything is measured on the file before it is stored: frame count, first time stamp, every gap, size, pixel
//     format, length of the sound. What is not as asked for is an error.
//   - Segments are joined by copying only when all have the same parameter sets; those of another build are encoded once more before.
//   - A finished video is read once more, and compared with what was encoded, before anybody gets it.
//   - It holds no credentials. FFmpeg runs as child processes that see local files only, of container formats only, and
//     none of the service's environment.
package transcoder
