package transcoder

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/loom-lite/loom-lite/pkg/egress"
	shown "github.com/loom-lite/loom-lite/pkg/facecam"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/pkg/stage/stagetest"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/fetch"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, stagetest.Ours()...) }

var tools = ffmpeg.Tools{FFmpeg: "ffmpeg", FFprobe: "ffprobe"}

// needFFmpeg fails a test on a machine without FFmpeg.
func needFFmpeg(t *testing.T) {
	t.Helper()
	for _, program := range []string{tools.FFmpeg, tools.FFprobe} {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("%s is not installed: run make setup, or install ffmpeg", program)
		}
	}
}

// bench is what the tests of handlers work with: a transcoder and a store that plays S3.
type bench struct {
	Transcoder
	store *objects
	url   string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	needFFmpeg(t)
	store := &objects{data: map[string][]byte{}}
	server := httptest.NewServer(store)
	t.Cleanup(server.Close)
	policy, err := egress.Parse("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	client := policy.Client()
	t.Cleanup(client.CloseIdleConnections)
	return &bench{
		store: store, url: server.URL,
		Transcoder: Transcoder{handler: handler{
			tools: tools, threads: 2,
			facecams:   fetch.Fetcher{Client: client, Subject: fetch.Facecam, MaxBytes: 64 << 20, Timeout: time.Minute},
			watermarks: fetch.Fetcher{Client: client, Subject: fetch.Watermark, MaxBytes: 1 << 20, Timeout: time.Minute},
		}},
	}
}

// objects is a store of objects behind presigned URLs.
type objects struct {
	mu   sync.Mutex
	data map[string][]byte
}

func (o *objects) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch r.Method {
	case http.MethodPut:
		data, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		o.data[r.URL.Path] = data
	default:
		data, ok := o.data[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(data)
	}
}

func (o *objects) get(t *testing.T, key string) []byte {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	data, ok := o.data["/"+key]
	if !ok {
		t.Fatalf("nothing was stored as %s", key)
	}
	return data
}

func (o *objects) has(key string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, ok := o.data["/"+key]
	return ok
}

func (o *objects) remove(key string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.data, "/"+key)
}

func (o *objects) put(key string, data []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.data["/"+key] = data
}

// run calls the handler with a task whose inputs are in the store. Outputs go to keys
// "<kind>/<name>".
func (b *bench) run(t *testing.T, kind msg.Kind, params any, inputs map[string]msg.Input, outputs ...string) (any, error) {
	t.Helper()
	raw, err := json.Marshal(params)
	if err != nil {
		t.Fatal(err)
	}
	grant := msg.Grant{
		Ref: msg.NewRef(kind, uuid.New(), uuid.New()), Attempt: 1, Params: raw,
		Inputs: map[string]msg.Input{}, Outputs: map[string]msg.Output{},
	}
	for name, input := range inputs {
		input.URL = msg.SignedURL(b.url + "/" + input.Key)
		grant.Inputs[name] = input
	}
	for _, name := range outputs {
		key := string(kind) + "/" + name
		grant.Outputs[name] = msg.Output{Key: key, URL: msg.SignedURL(b.url + "/" + key), ContentType: "video/mp4"}
	}
	return b.Handlers()[kind].Handle(t.Context(), stage.NewTask(grant, t.TempDir(), zerolog.Nop()))
}

// must is run for a task that succeeds. What is measured on the video that it writes must be what
// ffprobe finds.
func (b *bench) must(t *testing.T, kind msg.Kind, params any, inputs map[string]msg.Input, outputs ...string) any {
	t.Helper()
	facts, err := b.run(t, kind, params, inputs, outputs...)
	if err != nil {
		t.Fatalf("%s: %v", kind, err)
	}
	for _, name := range outputs {
		if name == msg.Segment || name == msg.Joined || name == msg.Video {
			checkIndex(t, b.store.get(t, string(kind)+"/"+name))
		}
	}
	return facts
}

// withFacts puts an object into the store and returns it as an input that has facts.
func (b *bench) input(t *testing.T, key string, data []byte, facts any) msg.Input {
	t.Helper()
	b.store.put(key, data)
	raw, err := json.Marshal(facts)
	if err != nil {
		t.Fatal(err)
	}
	return msg.Input{Key: key, Facts: raw}
}

// command runs a program of the tests' own, and returns its stdout.
func command(t *testing.T, stdin io.Reader, program string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Stdin = stdin
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, stderr.String())
	}
	return stdout.Bytes()
}

// makeFile runs ffmpeg with args and the name of a file to write, which it returns the content of.
func makeFile(t *testing.T, name string, stdin io.Reader, args ...string) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	command(t, stdin, tools.FFmpeg, append(append([]string{"-v", "error", "-y"}, args...), file)...)
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// picture paints frame n into an RGB image of width × height.
type picture func(n int, rgb []byte, width, height int)

// rawFrames makes a sequence of RGB frames.
func rawFrames(count, width, height int, paint picture) io.Reader {
	return &frameReader{count: count, width: width, height: height, paint: paint}
}

type frameReader struct {
	count, width, height, n int
	paint                   picture
	rest                    []byte
}

func (f *frameReader) Read(p []byte) (int, error) {
	if len(f.rest) == 0 {
		if f.n == f.count {
			return 0, io.EOF
		}
		f.rest = make([]byte, f.width*f.height*3)
		f.paint(f.n, f.rest, f.width, f.height)
		f.n++
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}

func rawInput(rate msg.Rate, width, height int) []string {
	return []string{"-f", "rawvideo", "-pix_fmt", "rgb24", "-s", fmt.Sprintf("%dx%d", width, height), "-r", rate.String(), "-i", "-"}
}

// mezzanine makes a scene as a recorder does: JPEG frames in QuickTime, each at its exact time, the
// last one lasting until the scene's end. keep says which frames are stored; nil stores all.
func mezzanine(t *testing.T, rate msg.Rate, count, width, height int, paint picture, keep func(n int) bool) []byte {
	t.Helper()
	var kept []string
	last := 0
	for n := range count {
		if keep == nil || keep(n) {
			kept, last = append(kept, fmt.Sprintf("eq(n,%d)", n)), n
		}
	}
	_, perFrame := rate.Timescale()
	args := append(rawInput(rate, width, height), "-c:v", "mjpeg", "-q:v", "2", "-pix_fmt", "yuvj420p",
		"-fps_mode", "passthrough", "-video_track_timescale", ffmpeg.Timescale(rate), "-enc_time_base", "1:"+ffmpeg.Timescale(rate),
		"-bsf:v", fmt.Sprintf("setts=duration='if(eq(N,%d),%d,DURATION)'", len(kept)-1, (count-last)*perFrame))
	if keep != nil {
		args = append(args, "-vf", "select='"+strings.Join(kept, "+")+"'")
	}
	return makeFile(t, "mezzanine.mov", rawFrames(count, width, height, paint), args...)
}

// segment returns the pictures of a segment with a facecam, from a frame of the video on.
func (b *bench) segment(t *testing.T, rate msg.Rate, face msg.Input, first, count int) decoded {
	t.Helper()
	b.must(t, msg.Normalize, msg.NormalizeParams{
		Scene: 1, Width: testWidth, Height: testHeight, Rate: rate, Frames: count, FirstFrame: first, Facecam: true,
	}, map[string]msg.Input{
		msg.Mezzanine:   b.input(t, "m", mezzanine(t, rate, count, testWidth, testHeight, bars, nil), nil),
		msg.FacecamFile: face,
	}, msg.Segment)
	return decode(t, b.store.get(t, "normalize/segment"), testWidth, testHeight)
}

// decoded is the pixels of a video, limited-range YUV 4:2:0.
type decoded struct {
	width, height int
	frames        [][]byte
}

func decode(t *testing.T, data []byte, width, height int) decoded {
	t.Helper()
	file := filepath.Join(t.TempDir(), "video.mp4")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	raw := command(t, nil, tools.FFmpeg, "-v", "error", "-i", file, "-map", "0:v:0", "-fps_mode", "passthrough",
		"-pix_fmt", "yuv420p", "-f", "rawvideo", "-")
	d := decoded{width: width, height: height}
	size := width * height * 3 / 2
	for len(raw) >= size {
		d.frames = append(d.frames, raw[:size])
		raw = raw[size:]
	}
	return d
}

// luma is the mean brightness of a square of side 2r around x, y.
func (d decoded) luma(frame, x, y, r int) float64 {
	sum, n := 0, 0
	for yy := y - r; yy < y+r; yy++ {
		for xx := x - r; xx < x+r; xx++ {
			sum += int(d.frames[frame][yy*d.width+xx])
			n++
		}
	}
	return float64(sum) / float64(n)
}

// rgb is the colour at x, y, decoded as limited-range BT.709.
func (d decoded) rgb(frame, x, y int) [3]float64 {
	f := d.frames[frame]
	chroma := d.width * d.height
	at := (y/2)*(d.width/2) + x/2
	luma := (float64(f[y*d.width+x]) - 16) / 219
	cb := (float64(f[chroma+at]) - 128) / 224
	cr := (float64(f[chroma+d.width*d.height/4+at]) - 128) / 224
	const kr, kb = 0.2126, 0.0722
	r := luma + 2*(1-kr)*cr
	b := luma + 2*(1-kb)*cb
	g := (luma - kr*r - kb*b) / (1 - kr - kb)
	return [3]float64{255 * r, 255 * g, 255 * b}
}

// bars paints the number n as ten bars, black or white, over the upper half of a grey picture.
func bars(n int, rgb []byte, width, height int) {
	for y := range height {
		for x := range width {
			v := byte(128)
			if y < height/2 {
				v = byte(255 * ((n >> (x * 10 / width)) & 1))
			}
			i := 3 * (y*width + x)
			rgb[i], rgb[i+1], rgb[i+2] = v, v, v
		}
	}
}

// readBars reads what bars painted.
func (d decoded) readBars(frame int) int {
	n := 0
	for bit := range 10 {
		if d.luma(frame, bit*d.width/10+d.width/20, d.height/4, 4) > 128 {
			n |= 1 << bit
		}
	}
	return n
}

// greys paints frame n in one of 20 levels of grey.
func greys(n int, rgb []byte, _, _ int) {
	for i := range rgb {
		rgb[i] = byte(30 + 10*(n%20))
	}
}

// readGrey reads what greys painted, from limited-range luma.
func readGrey(luma float64) int {
	return int(math.Round(((luma-16)*255/219 - 30) / 10))
}

// wave is sound: samples at 48 kHz.
type wave func(second float64) float64

// pcm makes a mono WAV file's bytes.
func pcm(length time.Duration, w wave) []byte {
	n := int(length.Seconds() * sampleRate)
	data := make([]byte, 0, 44+2*n)
	data = append(data, "RIFF\xff\xff\xff\xffWAVEfmt "...)
	data = binary.LittleEndian.AppendUint32(data, 16)
	data = binary.LittleEndian.AppendUint16(data, 1) // PCM
	data = binary.LittleEndian.AppendUint16(data, 1) // mono
	data = binary.LittleEndian.AppendUint32(data, sampleRate)
	data = binary.LittleEndian.AppendUint32(data, 2*sampleRate)
	data = binary.LittleEndian.AppendUint16(data, 2)
	data = binary.LittleEndian.AppendUint16(data, 16)
	data = append(data, "data"...)
	data = binary.LittleEndian.AppendUint32(data, uint32(2*n))
	for i := range n {
		data = binary.LittleEndian.AppendUint16(data, uint16(int16(32000*w(float64(i)/sampleRate))))
	}
	return data
}

// beep is a tone that starts at the second given and lasts half a second.
func beep(at float64) wave {
	return func(s float64) float64 {
		if s < at || s > at+0.5 {
			return 0
		}
		return 0.4 * math.Sin(2*math.Pi*1000*s)
	}
}

// facecamVideo makes an MP4 of greys with sound, nil for none. options are of the output.
func facecamVideo(t *testing.T, rate msg.Rate, count, width, height int, sound []byte, options ...string) []byte {
	t.Helper()
	args := rawInput(rate, width, height)
	if sound != nil {
		file := filepath.Join(t.TempDir(), "sound.wav")
		if err := os.WriteFile(file, sound, 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "-i", file)
	}
	name := "facecam.mp4"
	if len(options) > 0 && strings.HasPrefix(options[0], ".") {
		name, options = "facecam"+options[0], options[1:]
	} else {
		options = append([]string{"-c:v", "libx264", "-preset", "ultrafast", "-crf", "8", "-pix_fmt", "yuv420p"}, options...)
	}
	return makeFile(t, name, rawFrames(count, width, height, greys), append(args, options...)...)
}

// probed probes a facecam and returns it as the later stages' input.
func (b *bench) probed(t *testing.T, data []byte) (msg.Input, msg.ProbeFacts) {
	t.Helper()
	b.store.put("web/facecam", data)
	facts := b.must(t, msg.Probe, msg.ProbeParams{URL: b.url + "/web/facecam"}, nil, msg.FacecamFile).(msg.ProbeFacts)
	return b.input(t, "facecam", b.store.get(t, "probe/facecam"), facts), facts
}

// bubbled makes a segment of so many frames at 24 a second, with a facecam's bubble on a page of
// bars.
func (b *bench) bubbled(t *testing.T, face msg.Input, frames int) decoded {
	t.Helper()
	b.must(t, msg.Normalize,
		msg.NormalizeParams{Scene: 1, Width: testWidth, Height: testHeight, Rate: msg.FPS(24), Frames: frames, Facecam: true},
		map[string]msg.Input{
			msg.Mezzanine:   b.input(t, "m", mezzanine(t, msg.FPS(24), frames, testWidth, testHeight, bars, nil), nil),
			msg.FacecamFile: face,
		}, msg.Segment)
	return decode(t, b.store.get(t, "normalize/segment"), testWidth, testHeight)
}

// usual is the bubble when nothing is asked.
func usual(width, height int) msg.Bubble {
	return *msg.BubbleOf(shown.Options{}, width, height, msg.FPS(1), 0)
}

// timing reads a file's packets.
func timing(t *testing.T, data []byte, stream int) ffmpeg.Timing {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	timing, err := tools.Timing(context.Background(), dir, "file", ffmpeg.OwnContainers, stream)
	if err != nil {
		t.Fatal(err)
	}
	return timing
}
