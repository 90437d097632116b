package measure

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/png"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/loom-lite/loom-lite/pkg/facecam"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/service"
)

// Files in the job's folder. The transcoder names the bubble's pictures.
const (
	fileList  = "pieces.ffconcat"
	fileFirst = "first.mp4"
	filePlate = "plate.png"
	fileMask  = "mask.png"
)

// The size and rate of the facecam's picture.
const cameraWidth, cameraHeight, cameraFPS = 1280, 720, 30

// tools runs FFmpeg by hand, for what our stages do.
type tools struct{ ffmpeg string }

func newTools(environ map[string]string) tools {
	if path := environ["FFMPEG_PATH"]; path != "" {
		return tools{path}
	}
	return tools{"ffmpeg"}
}

// run runs FFmpeg in dir, and returns its CPU time and its stderr.
func (t tools) run(ctx context.Context, dir string, args ...string) (cpu time.Duration, said string, err error) {
	cmd := exec.CommandContext(ctx, t.ffmpeg, append([]string{"-hide_banner", "-nostdin", "-nostats", "-y"}, args...)...)
	var stderr bytes.Buffer
	cmd.Dir, cmd.Stderr = dir, &stderr
	if err := cmd.Run(); err != nil {
		text := stderr.String()
		return 0, "", fmt.Errorf("run ffmpeg: %w: %s", err, text[max(0, len(text)-1000):])
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), stderr.String(), nil
}

// makeFacecam makes the facecam's video, as long as the scene, and the list of the scene's pieces.
func (t *transcoding) makeFacecam(ctx context.Context) error {
	rate, list := msg.FPS(t.job.FPS), "ffconcat version 1.0\n"
	for i, frames := range t.cut {
		list += fmt.Sprintf("file '%s'\nduration %f\n", t.path(msg.PieceName(i)), rate.At(frames).Seconds())
	}
	if err := os.WriteFile(t.path(fileList), []byte(list), 0o600); err != nil {
		return err
	}
	_, _, err := t.tools.run(ctx, t.job.Dir, "-loglevel", "error",
		"-f", "lavfi", "-i", fmt.Sprintf("testsrc2=size=%dx%d:rate=%d", cameraWidth, cameraHeight, cameraFPS),
		"-f", "lavfi", "-i", "sine=frequency=220:beep_factor=4:sample_rate=48000",
		"-vf", "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p", "-t", fmt.Sprintf("%f", rate.At(t.job.Frames).Seconds()),
		"-c:v", "libx264", "-preset", "veryfast", "-g", strconv.Itoa(2*cameraFPS), "-colorspace", "bt709", "-color_range", "tv",
		"-c:a", "aac", "-f", "mp4", t.path(msg.FacecamFile))
	return err
}

// The filters of services/transcoder, which explains them.
const (
	jpegToBT709 = "colorspace=ispace=bt470bg:iprimaries=bt709:itrc=bt709:irange=pc:space=bt709:primaries=bt709:trc=bt709:range=tv:format=yuv420p"
	toBT709     = "out_color_matrix=bt709:out_range=tv"
)

// scene returns the filters of the recorded scene, input 0.
func (t *transcoding) scene() string {
	return fmt.Sprintf("[0:v]%s,fps=%d:start_time=0,tpad=stop_mode=clone:stop=-1,trim=end_frame=%d", jpegToBT709, t.job.FPS, t.job.Frames)
}

// compose returns filters that lay the facecam, input 1, with the bubble's pictures, inputs 2 and
// 3, over the output of the chain scene. The output of the last filter has no name.
func (t *transcoding) compose(scene string) (string, error) {
	file, err := os.Open(t.path(filePlate))
	if err != nil {
		return "", err
	}
	defer file.Close()
	plate, err := png.DecodeConfig(file)
	if err != nil {
		return "", fmt.Errorf("read the bubble's picture: %w", err)
	}
	b := facecam.BubbleOf(facecam.Options{}, t.job.Width, t.job.Height, msg.FPS(t.job.FPS), t.job.Frames)
	pad := (plate.Width - b.Width) / 2
	scale := max(float64(b.Width)/cameraWidth, float64(b.Height)/cameraHeight)
	even := func(side float64) int { return 2 * int(math.Round(side*scale/2)) }
	return strings.Join([]string{
		scene + "[scene]",
		// At the facecam's own rate: overlay repeats each picture until the next one is due.
		fmt.Sprintf("[1:v]scale=%d:%d:flags=bicubic+accurate_rnd+full_chroma_int:in_color_matrix=bt709:%s,format=yuv420p,crop=%d:%d,setsar=1,pad=%d:%d:%d:%d[face]",
			even(cameraWidth), even(cameraHeight), toBT709, b.Width, b.Height, plate.Width, plate.Height, pad, pad),
		"[2:v]scale=" + toBT709 + ",format=yuva420p[plate]", "[3:v]format=gray[mask]",
		"[face][plate]overlay=0:0:format=yuv420[disc]", "[disc][mask]alphamerge[bubble]",
		fmt.Sprintf("[scene][bubble]overlay=%d:%d:format=yuv420:eof_action=pass", b.X-pad, b.Y-pad),
	}, ";"), nil
}

// inputs returns the options of all inputs: those given for the scene, then the facecam and the
// bubble's pictures.
func (t *transcoding) inputs(scene ...string) []string {
	return slices.Concat(scene, []string{"-i", t.path(msg.FacecamFile), "-i", filePlate, "-i", fileMask})
}

var fromPieces = []string{"-f", "concat", "-safe", "0", "-i", fileList}

// sound returns the filters of the facecam's sound. They bring it to the loudness that our stages
// bring it to, by the loudness that probe measured.
func (t *transcoding) sound() (string, error) {
	l := t.facecam.Loudness
	if l == nil {
		return "", errors.New("the facecam is silent")
	}
	return fmt.Sprintf("[1:a]aresample=48000,loudnorm=I=-16:TP=-1.5:LRA=11:measured_I=%.2f:measured_TP=%.2f:measured_LRA=%.2f:"+
		"measured_thresh=%.2f:offset=%.2f:linear=true,aresample=48000,apad,atrim=end=%f[sound]",
		l.Integrated, l.TruePeak, max(0.1, l.Range), l.Threshold, l.Offset, msg.FPS(t.job.FPS).At(t.job.Frames).Seconds()), nil
}

// finished returns the command line that makes a finished video with sound.
func (t *transcoding) finished(scene []string, chain string, encoder []string, name string) ([]string, error) {
	picture, err := t.compose(chain)
	if err != nil {
		return nil, err
	}
	sound, err := t.sound()
	if err != nil {
		return nil, err
	}
	return slices.Concat([]string{"-loglevel", "error"}, t.inputs(scene...),
		[]string{"-filter_complex", picture + ",format=yuv420p[picture];" + sound, "-map", "[picture]", "-map", "[sound]"},
		encoder, colours, []string{"-c:a", "aac", "-b:a", "192k", "-movflags", "+faststart", name}), nil
}

var colours = []string{
	"-pix_fmt", "yuv420p", "-color_range", "tv", "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709",
}

// onePass makes the finished video with one FFmpeg, which decodes and encodes once, and returns its
// CPU time.
func (t *transcoding) onePass(ctx context.Context) (time.Duration, error) {
	args, err := t.finished(fromPieces, t.scene(), []string{
		"-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-profile:v", "high", "-level:v", "4.2",
		"-threads:v", strconv.Itoa(service.Cores()), "-g", strconv.Itoa(msg.FPS(t.job.FPS).GOP()), "-flags:v", "+cgop",
		"-x264-params", "open-gop=0:zones=0,0,b=1.4:deblock=-4,-4:bframes=1", "-chroma_sample_location", "center",
	}, fileOnePass)
	if err != nil {
		return 0, err
	}
	cpu, _, err := t.tools.run(ctx, t.job.Dir, args...)
	return cpu, err
}

// sameEncoder returns an error unless two files were encoded with the same settings. x264 writes
// them into each file.
func sameEncoder(a, b string) error {
	var said [2]string
	for i, path := range []string{a, b} {
		data, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("compare encoders: %w", err)
		}
		_, after, found := bytes.Cut(data, []byte("x264 - core "))
		text, _, ended := bytes.Cut(after, []byte{0})
		if !found || !ended {
			return fmt.Errorf("compare encoders: %s does not say how it was encoded", filepath.Base(path))
		}
		said[i] = string(text)
	}
	if said[0] != said[1] {
		return fmt.Errorf("ours and one pass are not encoded with the same settings: %s; %s", said[0], said[1])
	}
	return nil
}
