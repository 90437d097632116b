package transcoder

import (
	"context"
	"fmt"
	"time"

	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
)

// checkTimeout bounds CheckFFmpeg.
const checkTimeout = 30 * time.Second

// install says how to get what CheckFFmpeg finds missing.
const install = "install FFmpeg 5.1 or later with x264 (Debian, Ubuntu: apt install ffmpeg; macOS: brew install ffmpeg), " +
	"or set FFMPEG_PATH and FFPROBE_PATH"

// needed is what our command lines use.
var needed = ffmpeg.Abilities{
	Encoders: []string{"libx264", "aac", "mjpeg", "mov_text", "pcm_f32le"},
	Decoders: ffmpeg.AlphaDecoders(),
	Filters: []string{
		"afade", "aformat", "alphaextract", "alphamerge", "anullsrc", "apad", "aresample", "asetpts", "ass",
		"asupercut", "atrim", "blend", "bwdif", "color", "colorspace", "concat", "crop", "format", "fps",
		"framestep", "hflip", "loop", "loudnorm", "lut3d", "overlay", "pad", "premultiply", "scale",
		"setparams", "setpts", "setsar", "settb", "split", "tpad", "trim", "unpremultiply", "xfade",
	},
	BitstreamFilters: []string{"h264_metadata", "setts"},
}

// CheckFFmpeg makes sure that both programs are there and can do what a transcoder needs. It
// returns FFmpeg's version, or an error that says what to install. The paths are FFMPEG_PATH's and
// FFPROBE_PATH's values.
func CheckFFmpeg(ctx context.Context, ffmpegPath, ffprobePath string) (version string, err error) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	tools := ffmpeg.Tools{FFmpeg: ffmpegPath, FFprobe: ffprobePath}
	version, err = tools.Check(ctx, needed)
	if err != nil {
		return version, fmt.Errorf("check FFmpeg: %w; %s", err, install)
	}
	return version, nil
}
