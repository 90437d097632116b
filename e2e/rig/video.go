package rig

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// client opens a connection for each request, so that no idle one outlives a test.
var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// Fetch downloads a URL, as a browser does, into a file of the test's own.
func Fetch(t testing.TB, url string) string {
	t.Helper()
	res, err := client.Get(url)
	if err != nil {
		t.Fatalf("download: %v", err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 500))
		t.Fatalf("download %s: %s: %s", url, res.Status, text)
	}
	path := filepath.Join(t.TempDir(), "download")
	f, err := os.Create(path)
	if err != nil {
		t.Fatalf("download: %v", err)
	}
	if _, err := io.Copy(f, res.Body); err != nil {
		t.Fatalf("download: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatalf("download: %v", err)
	}
	return path
}

// Track is what ffprobe reports of a video's picture or sound.
type Track struct {
	Type       string `json:"codec_type"`
	Codec      string `json:"codec_name"`
	Profile    string `json:"profile"`
	Width      int    `json:"width"`
	Height     int    `json:"height"`
	PixFmt     string `json:"pix_fmt"`
	Range      string `json:"color_range"`
	Space      string `json:"color_space"`
	Transfer   string `json:"color_transfer"`
	Primaries  string `json:"color_primaries"`
	Rate       string `json:"r_frame_rate"`
	AvgRate    string `json:"avg_frame_rate"`
	Frames     string `json:"nb_frames"`
	SampleRate string `json:"sample_rate"`
	Channels   int    `json:"channels"`
	Duration   string `json:"duration"`
}

// Tracks returns a video's tracks, with the number of frames that its index has.
func Tracks(t testing.TB, path string) []Track {
	t.Helper()
	out, err := exec.Command("ffprobe", "-v", "error", "-show_streams", "-of", "json", path).Output()
	if err != nil {
		t.Fatalf("ffprobe: %v", stderr(err))
	}
	var probed struct{ Streams []Track }
	if err := json.Unmarshal(out, &probed); err != nil {
		t.Fatalf("ffprobe: %v", err)
	}
	return probed.Streams
}

// CheckVideo checks that path is the campaign's video, fit for the web: its size, rate, number of
// frames, colours and sound, and its index in front. Frames decodes them.
func CheckVideo(t testing.TB, path string, c Campaign, sound bool) {
	t.Helper()
	rate := fmt.Sprintf("%d/1", c.FPS)
	var pictures, sounds int
	for _, k := range Tracks(t, path) {
		switch k.Type {
		case "video":
			pictures++
			k.Duration, k.Profile = "", ""
			want := Track{
				Type: "video", Codec: "h264", Width: c.Width, Height: c.Height, PixFmt: "yuv420p",
				Range: "tv", Space: "bt709", Transfer: "bt709", Primaries: "bt709",
				Rate: rate, AvgRate: rate, Frames: strconv.Itoa(c.Frames()),
			}
			if k != want {
				t.Errorf("picture:\n got %+v\nwant %+v", k, want)
			}
		case "audio":
			sounds++
			if k.Codec != "aac" || k.SampleRate != "48000" {
				t.Errorf("sound: %s at %s Hz, not aac at 48000", k.Codec, k.SampleRate)
			}
		default:
			t.Errorf("a track of kind %s", k.Type)
		}
	}
	if pictures != 1 || (sounds == 1) != sound || sounds > 1 {
		t.Errorf("%d picture and %d sound tracks; sound wanted: %v", pictures, sounds, sound)
	}
	if boxes := boxesOf(t, path); before(boxes, "mdat", "moov") {
		t.Errorf("the index does not come first: %v", boxes)
	}
}

func before(list []string, a, b string) bool {
	for _, s := range list {
		if s == a || s == b {
			return s == a
		}
	}
	return false
}

// boxesOf lists an mp4 file's outer boxes in order.
func boxesOf(t testing.TB, path string) []string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatalf("read boxes: %v", err)
	}
	defer func() { _ = f.Close() }()
	var boxes []string
	for at := int64(0); ; {
		var head [16]byte
		if n, err := f.ReadAt(head[:], at); n < 8 {
			if errors.Is(err, io.EOF) && n == 0 {
				return boxes
			}
			t.Fatalf("read boxes after %v: %v", boxes, err)
		}
		boxes = append(boxes, string(head[4:8]))
		size := int64(binary.BigEndian.Uint32(head[:4]))
		if size == 1 {
			size = int64(binary.BigEndian.Uint64(head[8:]))
		}
		if size < 8 {
			t.Fatalf("box %v has size %d", boxes, size)
		}
		at += size
	}
}

// CheckThumbnail checks that path is a JPEG of the video's size.
func CheckThumbnail(t testing.TB, path string, c Campaign) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatalf("read the thumbnail: %v", err)
	}
	defer func() { _ = f.Close() }()
	img, err := jpeg.DecodeConfig(f)
	if err != nil {
		t.Fatalf("read the thumbnail: %v", err)
	}
	if img.Width != c.Width || img.Height != c.Height {
		t.Errorf("the thumbnail is %d×%d, the video %d×%d", img.Width, img.Height, c.Width, c.Height)
	}
}

// Frame is what a video's frame shows of one of the site's pages.
type Frame struct {
	// Number is the frame's number on its page, modulo 2 to the power of CodeBits.
	Number int
	// Color of the page's background.
	Color RGB
	// Facecam is how much of the picture has the facecam's colour, 0 to 1.
	Facecam float64
}

// RGB is a colour.
type RGB [3]byte

// Near reports whether two colours look the same.
func (c RGB) Near(d RGB) bool {
	for i := range c {
		if max(c[i], d[i])-min(c[i], d[i]) > 40 {
			return false
		}
	}
	return true
}

// Frames decodes a video of the site's pages and reads every frame.
func Frames(t testing.TB, path string) []Frame {
	t.Helper()
	const w, h = 64, 36
	parts := decode(t, path,
		fmt.Sprintf("crop=%d:%d:0:0,scale=%d:1:flags=area,format=gray", CodeBits*CodeSize, CodeSize, CodeBits),
		// Below the number, on the left: the facecam keeps away from there, or this sees that it
		// does not.
		fmt.Sprintf("crop=%d:%d:0:%d,scale=1:1:flags=area,format=rgb24", CodeSize, CodeSize, 2*CodeSize),
		fmt.Sprintf("scale=%d:%d:flags=area,format=rgb24", w, h))
	numbers, colors, pictures := parts[0], parts[1], parts[2]
	frames := make([]Frame, len(colors)/3)
	for i := range frames {
		f := &frames[i]
		f.Color = RGB(colors[i*3:])
		for bit, v := range numbers[i*CodeBits : (i+1)*CodeBits] {
			if v >= 128 {
				f.Number |= 1 << bit
			}
		}
		for p := range w * h {
			if RGB(pictures[(i*w*h+p)*3:]).Near(FacecamColor) {
				f.Facecam += 1. / (w * h)
			}
		}
	}
	return frames
}

// Means returns the mean colour of a part of each frame of a video.
func Means(t testing.TB, path string, part image.Rectangle) []RGB {
	t.Helper()
	raw := decode(t, path, fmt.Sprintf("crop=%d:%d:%d:%d,scale=1:1:flags=area,format=rgb24", part.Dx(), part.Dy(), part.Min.X, part.Min.Y))[0]
	list := make([]RGB, len(raw)/3)
	for i := range list {
		list[i] = RGB(raw[3*i:])
	}
	return list
}

// Colors decodes a video as its tags and its size say, limited-range BT.709, and returns the
// colours at some points of a frame.
func Colors(t testing.TB, path string, c Campaign, frame int, points []image.Point) []RGB {
	t.Helper()
	// What scale does otherwise is fast, and off by up to 4.
	rgb := decode(t, path, fmt.Sprintf("select=eq(n\\,%d),scale=in_color_matrix=bt709:in_range=tv:out_range=pc:"+
		"flags=neighbor+accurate_rnd+full_chroma_int+full_chroma_inp,format=rgb24", frame))[0]
	if want := 3 * c.Width * c.Height; len(rgb) != want {
		t.Fatalf("frame %d has %d bytes, not %d", frame, len(rgb), want)
	}
	found := make([]RGB, len(points))
	for i, p := range points {
		found[i] = RGB(rgb[3*(p.Y*c.Width+p.X):])
	}
	return found
}

// decode decodes a video once, and returns for each of the chains of filters every frame as raw
// pixels, as the chain leaves it.
func decode(t testing.TB, path string, chains ...string) [][]byte {
	t.Helper()
	dir := t.TempDir()
	graph := fmt.Sprintf("[0:v]split=%d", len(chains))
	var filtered string
	var outputs, files []string
	for i, chain := range chains {
		graph += fmt.Sprintf("[in%d]", i)
		filtered += fmt.Sprintf(";[in%d]%s[out%d]", i, chain, i)
		files = append(files, filepath.Join(dir, strconv.Itoa(i)))
		outputs = append(outputs, "-map", fmt.Sprintf("[out%d]", i), "-fps_mode", "passthrough", "-f", "rawvideo", files[i])
	}
	args := append([]string{"-v", "error", "-i", path, "-filter_complex", graph + filtered}, outputs...)
	if out, err := exec.Command("ffmpeg", args...).CombinedOutput(); err != nil {
		t.Fatalf("decode: %v: %s", err, out)
	}
	raw := make([][]byte, len(files))
	for i, file := range files {
		var err error
		if raw[i], err = os.ReadFile(file); err != nil {
			t.Fatalf("decode: %v", err)
		}
	}
	return raw
}

func stderr(err error) error {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return fmt.Errorf("%w: %s", err, exit.Stderr)
	}
	return err
}
