package ffmpeg

import (
	"strconv"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// Containers are the formats that a stranger's file may have. They hold the media themselves:
// playlists, image sequences and scripts name other files, and are not allowed.
const Containers = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg"

// OwnContainers are the formats of the files that the pipeline itself writes: QuickTime and MP4.
const OwnContainers = "mov,mp4,m4a,3gp,3g2,mj2"

// Global are the options every ffmpeg starts with; level is what it logs ("error", "info").
func Global(level string) []string {
	return []string{"-hide_banner", "-nostdin", "-loglevel", level, "-nostats", "-y"}
}

// WithProgress makes ffmpeg print progress reports.
var WithProgress = []string{"-progress", "pipe:1", "-stats_period", "0.5"}

// Input returns the options that open a file of the working folder whose container is one of
// formats. The given options come before the input.
func Input(name, formats string, options ...string) []string {
	args := append([]string{"-protocol_whitelist", "file,pipe", "-format_whitelist", formats}, options...)
	return append(args, "-i", "file:"+name)
}

// Seconds writes d for an option or a filter's expression, to the microsecond.
func Seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 6, 64) }

// Timescale returns the value of -video_track_timescale for a rate: a frame lasts a whole number of
// ticks.
func Timescale(rate msg.Rate) string {
	perSecond, _ := rate.Timescale()
	return strconv.Itoa(perSecond)
}

// probe are the options every ffprobe starts with.
func probe(name, formats string, options ...string) []string {
	args := append([]string{"-hide_banner", "-loglevel", "error"}, options...)
	return append(args, "-protocol_whitelist", "file,pipe", "-format_whitelist", formats, "-i", "file:"+name)
}
