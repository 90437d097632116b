package ffmpeg

import "regexp"

// folders matches the folders of an absolute path. A slash after a word or a digit is a fraction or
// a ratio.
var folders = regexp.MustCompile(`(^|[\s'"(=:\[])(?:/[^/\s'":]+)*/([^/\s'":]+)`)

// stripPaths reduces the absolute paths in text to their last element.
func stripPaths(text string) string { return folders.ReplaceAllString(text, "$1$2") }
