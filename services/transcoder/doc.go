// Package transcoder is the service that works with FFmpeg. It handles five kinds of task:
//
//	probe      a facecam's URL       ▶ the facecam, measured, and proven to be a video
//	draw       a watermark's URL     ▶ the watermark, drawn at its size
//	normalize  a mezzanine, facecam  ▶ a segment: H.264 with exactly the frames asked for, the
//	                                   facecam's bubble, the watermark and the captions on it
//	concat     all segments          ▶ one file, joined without touching a packet; without a
//	                                   facecam it is the finished video
//	overlay    that file, facecam    ▶ the finished video: the same picture, the facecam's sound
//
// Each kind has a handler in a file of its own. Packages under internal do the work:
//
//	fetch, sniff, facecam, watermark    strangers' files: download, examine, refuse
//	picture, bubble, tonemap            what a segment's frames show
//	captions, glyphs                    captions, drawn or as a track
//	encode, join, sound                 x264, joining by copying, the facecam's sound
//	verify, mp4, fingerprint            what was written, measured; the quality gate
//	thumbnail                           the finished video's thumbnails
//	ffmpeg                              ffmpeg and ffprobe as child processes
//
// What it promises:
//   - A picture is encoded once, in normalize. Colours are converted, not only labelled:
//     limited-range BT.709.
//   - Time is counted in frames. A segment's facecam frames are found by number, the sound's length
//     by samples.
//   - Every file is measured before it is stored: frame count, first time stamp, every gap, size,
//     pixel format, length of the sound. A difference from what was asked for is an error.
//   - Segments are joined by copying only if all have the same parameter sets. Those of another
//     build are encoded once more before.
//   - A finished video is read once more, and compared with what was encoded, before it is stored.
//   - The service holds no credentials. FFmpeg runs as child processes that read local files only,
//     only of container formats, and that get none of the service's environment.
package transcoder
