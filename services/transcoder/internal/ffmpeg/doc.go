// Package ffmpeg runs ffmpeg and ffprobe as child processes, and reads what they print.
//
// What it promises:
//   - A process gets its own process group and an almost empty environment: no credential of the
//     service reaches a process that decodes a stranger's file.
//   - When the context ends, the group gets SIGTERM, and SIGKILL if it does not end. Run returns
//     after it has ended.
//   - An error holds the end of what the process wrote to stderr, without this machine's paths.
//   - Input opens files so that a demuxer reads local files only, and only of the given container
//     formats.
package ffmpeg
