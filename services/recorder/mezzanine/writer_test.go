package mezzanine

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const width, height = 64, 48

// shade returns a picture with the given luma in its first pixel.
func shade(t *testing.T, y uint8) []byte {
	t.Helper()
	img := image.NewYCbCr(image.Rect(0, 0, width, height), image.YCbCrSubsampleRatio420)
	for i := range img.Y {
		img.Y[i] = y + uint8(i*7%32) // a flat picture is so short that ffmpeg misses its end
	}
	for i := range img.Cb {
		img.Cb[i], img.Cr[i] = 128, 128
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// write writes a file of the given shades, a shade of -1 repeating the last by Repeat.
func write(t *testing.T, rate msg.Rate, shades []int) (path string, facts msg.RecordFacts) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "mezzanine.mov")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	w, err := New(file, Format{Width: width, Height: height, Rate: rate})
	if err != nil {
		t.Fatal(err)
	}
	for _, y := range shades {
		if y < 0 {
			err = w.Repeat()
		} else {
			_, err = w.Frame(shade(t, uint8(y)))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if facts, err = w.Close(); err != nil {
		t.Fatal(err)
	}
	return path, facts
}

func ffprobe(t *testing.T, args ...string) []byte {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command("ffprobe", append([]string{"-v", "warning", "-of", "json"}, args...)...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("ffprobe (apt install ffmpeg): %v: %s", err, stderr.String())
	}
	return out
}

func TestFFmpegReadsExactTimes(t *testing.T) {
	for _, rate := range []msg.Rate{msg.FPS(60), msg.FPS(24), msg.FPS(240), {Num: 30000, Den: 1001}, {Num: 60000, Den: 1001}} {
		t.Run(rate.String(), func(t *testing.T) {
			shades := []int{10, 20, -1, -1, 30, 30, 40, 50}
			for range 100 {
				shades = append(shades, -1)
			}
			path, facts := write(t, rate, shades)
			if want := (msg.RecordFacts{Frames: 108, Distinct: 5, Bytes: size(t, path)}); !reflect.DeepEqual(facts, want) {
				t.Errorf("facts are %+v, want %+v", facts, want)
			}
			var got struct {
				Streams []struct {
					CodecName  string `json:"codec_name"`
					PixFmt     string `json:"pix_fmt"`
					Range      string `json:"color_range"`
					TimeBase   string `json:"time_base"`
					DurationTS int    `json:"duration_ts"`
					NbFrames   string `json:"nb_frames"`
					Width      int
					Height     int
				}
				Packets []struct{ PTS, DTS, Duration int }
				Format  struct{ Duration string }
			}
			if err := json.Unmarshal(ffprobe(t, "-show_streams", "-show_packets", "-show_format", path), &got); err != nil {
				t.Fatal(err)
			}
			perSecond, perFrame := rate.Timescale()
			s := got.Streams[0]
			if s.CodecName != "mjpeg" || s.Range != "pc" || s.Width != width || s.Height != height || s.NbFrames != "5" ||
				s.TimeBase != fmt.Sprintf("1/%d", perSecond) || s.DurationTS != 108*perFrame {
				t.Errorf("the stream is %+v", s)
			}
			wantDuration := 108 * float64(perFrame) / float64(perSecond)
			if d, _ := strconv.ParseFloat(got.Format.Duration, 64); d < wantDuration-1e-6 || d > wantDuration+1e-6 {
				t.Errorf("the file lasts %s s, want %f", got.Format.Duration, wantDuration)
			}
			starts, lengths := []int{0, 1, 4, 6, 7}, []int{1, 3, 2, 1, 101}
			for i, p := range got.Packets {
				if p.PTS != starts[i]*perFrame || p.DTS != p.PTS || p.Duration != lengths[i]*perFrame {
					t.Errorf("picture %d is at %d for %d, want %d for %d", i, p.PTS, p.Duration, starts[i]*perFrame, lengths[i]*perFrame)
				}
			}
		})
	}
}

// What the transcoder does with it: every frame, the last one's length included, exactly.
func TestFFmpegDecodesEveryFrame(t *testing.T) {
	shades := []int{50, -1, 100, 150, -1, -1, 200, -1, -1, -1}
	path, _ := write(t, msg.FPS(60), shades)
	raw, err := exec.Command("ffmpeg", "-v", "error", "-i", path, "-vf", "fps=60,tpad=stop_mode=clone:stop=-1",
		"-frames:v", strconv.Itoa(len(shades)), "-pix_fmt", "gray", "-f", "rawvideo", "-").Output()
	if err != nil {
		t.Fatalf("ffmpeg (apt install ffmpeg): %v", err)
	}
	if len(raw) != len(shades)*width*height {
		t.Fatalf("decoded %d bytes, want %d frames", len(raw), len(shades))
	}
	shown := 0
	for i, y := range shades {
		if y >= 0 {
			shown = y
		}
		if got := int(raw[i*width*height]); got < shown-5 || got > shown+5 {
			t.Errorf("frame %d has luma %d, want %d", i, got, shown)
		}
	}
}

func TestTheSameFramesAreTheSameFile(t *testing.T) {
	first, _ := write(t, msg.FPS(30), []int{1, 2, -1})
	second, _ := write(t, msg.FPS(30), []int{1, 2, 2})
	a, err1 := os.ReadFile(first)
	b, err2 := os.ReadFile(second)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) {
		t.Error("the files differ")
	}
}

func TestWhatCannotBeWrittenIsRefused(t *testing.T) {
	for _, f := range []Format{
		{Width: 0, Height: 1, Rate: msg.FPS(1)}, {Width: 1, Height: 70000, Rate: msg.FPS(1)}, {Width: 1, Height: 1},
	} {
		if _, err := New(nil, f); err == nil {
			t.Errorf("%+v was accepted", f)
		}
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "mezzanine.mov"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	w, err := New(file, Format{Width: 1, Height: 1, Rate: msg.FPS(1)})
	if err != nil {
		t.Fatal(err)
	}
	if w.Repeat() == nil {
		t.Error("a first frame repeated another")
	}
	if _, err := w.Frame(nil); err == nil {
		t.Error("a frame without a picture was accepted")
	}
	if _, err := w.Close(); err == nil {
		t.Error("a file without frames was closed as a whole one")
	}
}

func TestAFileStaysWithinItsBound(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mezzanine.mov")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	const limit = 20_000
	w, err := New(file, Format{Width: width, Height: height, Rate: msg.FPS(60), MaxBytes: limit})
	if err != nil {
		t.Fatal(err)
	}
	pictures := 0
	for ; err == nil && pictures < 1000; pictures++ {
		_, err = w.Frame(shade(t, uint8(pictures%200)))
	}
	if !errors.Is(err, ErrTooLarge) {
		t.Fatalf("after %d pictures: %v, want ErrTooLarge", pictures, err)
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got := size(t, path); got > limit || got < limit*9/10 {
		t.Errorf("the file has %d bytes, want no more than %d and not much less", got, limit)
	}
}

// A full disk shows at the frame that no longer fits.
func TestWriteErrorsAreReported(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = full.Close() }()
	if _, err := New(full, Format{Width: 1, Height: 1, Rate: msg.FPS(1)}); err == nil || !strings.Contains(err.Error(), "no space") {
		t.Errorf("writing to a full disk returned %v", err)
	}
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
