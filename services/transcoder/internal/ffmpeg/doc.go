// Package ffmpeg runs ffmpeg and ffprobe as child processes, and reads what they print.
//
// What it promises:
//   - A process gets its own process group and an almost empty environment: no credential of the service reaches a
//     process that decodes a stranger's file.
//   - When the context ends, the group gets SIGTERM, and SIGKILL if that is not enough; Run returns after it has ended.
//   - An error holds the end of what the process wrote to stderr, without the paths of this machine.
//   - Inputs are opened by Input, which lets a demuxer read local files only, and of those the container formats given.
package ffmpeg
