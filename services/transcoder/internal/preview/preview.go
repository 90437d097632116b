package preview

import (
	"context"
	"fmt"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/loom-lite/loom-lite/pkg/output"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/thumbnail"
)

// Files in the task's folder.
const (
	GIFFile  = "preview.gif"
	WebPFile = "preview.webp"

	buttonFile = "preview-button.png"
)

// MaxBytes is the most that each file has: some mail programs and proxies leave out larger ones.
const MaxBytes = 1_000_000

// step is how a preview is made.
type step struct {
	// delay is how long each picture is shown, in hundredths of a second: GIF counts in these.
	delay int
	// share is of the width that is asked for.
	share float64
	// colours are a GIF's, quality is a WebP's.
	colours, quality int
}

// steps are how previews are made, the best first. Browsers show what has a shorter delay than the
// first one's at other speeds.
var steps = []step{
	{delay: 8, share: 1, colours: 256, quality: 70},
	{delay: 10, share: 1, colours: 128, quality: 60},
	{delay: 12, share: 0.9, colours: 96, quality: 50},
	{delay: 15, share: 0.8, colours: 64, quality: 45},
	{delay: 20, share: 0.67, colours: 48, quality: 40},
	{delay: 25, share: 0.5, colours: 32, quality: 35},
	{delay: 50, share: 0.4, colours: 16, quality: 30},
}

// Make writes the previews of a finished video whose thumbnail has been chosen.
func Make(ctx context.Context, tools ffmpeg.Tools, dir string, v thumbnail.Video, p output.Preview) error {
	length := min(v.Frames, int(math.Round(p.Length().Seconds()*v.Rate.Float())))
	first, err := begin(ctx, tools, dir, v, p.At, length)
	if err != nil {
		return fmt.Errorf("choose the preview's first frame: %w", err)
	}
	m := maker{tools: tools, dir: dir, video: v, width: min(p.Pixels(), v.Width), button: p.PlayButton, first: first, length: length}
	for _, f := range []format{gif, webp} {
		if err := m.make(ctx, f); err != nil {
			return fmt.Errorf("make %s: %w", f.file, err)
		}
	}
	return nil
}

// maker makes the previews of one stretch of a video.
type maker struct {
	tools  ffmpeg.Tools
	dir    string
	video  thumbnail.Video
	width  int
	button bool
	// first is the stretch's first frame, length how many it has.
	first, length int
}

// format is one of the two that previews have.
type format struct {
	file string
	// cost is about how many bytes a step takes, in no unit.
	cost func(step) float64
	// filter ends the graph: it reads [in] and writes [out].
	filter func(step) string
	// options are those of the encoder and the container.
	options func(step) []string
}

var gif = format{
	file: GIFFile,
	cost: func(s step) float64 { return pixels(s) * math.Log2(float64(s.colours)) },
	filter: func(s step) string {
		// An ordered pattern stays where the picture does, so that it takes no bytes again.
		return fmt.Sprintf("[in]split[all][more];[more]palettegen=max_colors=%d:reserve_transparent=1[palette];"+
			"[all][palette]paletteuse=dither=bayer:bayer_scale=4:diff_mode=rectangle[out]", s.colours)
	},
	options: func(step) []string { return []string{"-c:v", "gif", "-loop", "0", "-f", "gif"} },
}

var webp = format{
	file: WebPFile,
	cost: func(s step) float64 { return pixels(s) * float64(s.quality) },
	// It takes YUV for BT.601's (findings/ffmpeg-webp-keeps-bt709.sh), and converts RGB itself.
	filter: func(step) string { return "[in]format=bgra[out]" },
	options: func(s step) []string {
		return []string{"-c:v", "libwebp_anim", "-quality", fmt.Sprint(s.quality), "-loop", "0", "-f", "webp"}
	},
}

// pixels is how many a step takes of what is asked for, per second.
func pixels(s step) float64 { return s.share * s.share / float64(s.delay) }

// make writes one file. It goes down the steps until the file is small enough. What is too large in
// the last one becomes one picture, which never is.
func (m maker) make(ctx context.Context, f format) error {
	for i := 0; ; {
		s, length := steps[min(i, len(steps)-1)], m.length
		if i == len(steps) {
			length = 1
		}
		if err := m.write(ctx, f, s, length); err != nil {
			return err
		}
		info, err := os.Stat(filepath.Join(m.dir, f.file))
		if err != nil {
			return err
		}
		if info.Size() <= MaxBytes || i == len(steps) {
			return nil
		}
		fits := func(next step) bool { return float64(info.Size())*f.cost(next)/f.cost(s) <= MaxBytes }
		if skip := slices.IndexFunc(steps[min(i+1, len(steps)):], fits); skip >= 0 {
			i += 1 + skip
		} else {
			i = max(i+1, len(steps)-1)
		}
	}
}

// write writes one file in one way.
func (m maker) write(ctx context.Context, f format, s step, length int) error {
	width := max(2, 2*int(math.Round(float64(m.width)*s.share/2)))
	height := max(2, 2*int(math.Round(float64(width)*float64(m.video.Height)/float64(m.video.Width)/2)))
	rate := m.video.Rate
	// Half a frame before, so that rounding cannot give another.
	at := max(0, rate.At(m.first)-rate.At(1)/2)
	args := append(ffmpeg.Global("error"), ffmpeg.Input(m.video.Name, ffmpeg.OwnContainers, "-ss", ffmpeg.Seconds(at))...)
	graph := fmt.Sprintf("[0:v:0]trim=end_frame=%d,setpts=PTS-STARTPTS,fps=100/%d:round=down,"+
		"scale=%d:%d:in_color_matrix=bt709:in_range=tv:flags=lanczos+accurate_rnd+full_chroma_int,format=gbrp", length, s.delay, width, height)
	if m.button {
		if err := m.drawButton(min(width, height)); err != nil {
			return err
		}
		args = append(args, ffmpeg.Input(buttonFile, "png_pipe")...)
		graph += "[picture];[picture][1:v:0]overlay=(W-w)/2:(H-h)/2:format=gbrp"
	}
	args = append(args, "-filter_complex", graph+"[in];"+f.filter(s), "-map", "[out]", "-map_metadata", "-1", "-fps_mode", "passthrough")
	return m.tools.Run(ctx, m.dir, append(append(args, f.options(s)...), "file:"+f.file), nil)
}

// drawButton writes the play button for pictures whose shorter side is side.
func (m maker) drawButton(side int) (err error) {
	file, err := os.Create(filepath.Join(m.dir, buttonFile))
	if err != nil {
		return err
	}
	defer func() {
		if end := file.Close(); err == nil {
			err = end
		}
	}()
	return png.Encode(file, button(side))
}
