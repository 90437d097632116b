package transcoder

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mediatest"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/tonemap"
)

// inputs are the files that presenters have: docs/reference/facecam.md says the same in words.
var inputs = []struct {
	name, file    string
	width, height int
	video         []string
	// audio are the options of the sound; nil for none. filter changes a mono beep at 0.5 s.
	audio  []string
	filter string
	// picture and beep are when these begin, in seconds, if not at 0 and 0.5.
	picture, beep float64
	// late is by how many frames the picture may be late.
	late int
}{
	{name: "QuickTime, ProRes 4:2:2, PCM", file: "f.mov", width: 160, height: 120,
		video: []string{"-c:v", "prores_ks", "-profile:v", "2", "-pix_fmt", "yuv422p10le"}, audio: []string{"-c:a", "pcm_s16be"}},
	{name: "H.264 4:2:2 10 bit, 5.1", file: "f.mp4", width: 160, height: 120, filter: "pan=5.1|FC=c0",
		video: []string{"-c:v", "libx264", "-pix_fmt", "yuv422p10le"}, audio: []string{"-c:a", "aac", "-ac", "6"}},
	{name: "HEVC 10 bit", file: "f.mp4", width: 160, height: 120,
		video: []string{"-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error", "-pix_fmt", "yuv420p10le", "-tag:v", "hvc1"},
		audio: []string{"-c:a", "aac"}},
	{name: "WebM, VP8 and Opus", file: "f.webm", width: 160, height: 120,
		video: []string{"-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "2M", "-live", "1"}, audio: []string{"-c:a", "libopus"}},
	{name: "WebM, VP9 and Vorbis", file: "f.webm", width: 160, height: 120,
		video: []string{"-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "2M", "-live", "1"}, audio: []string{"-c:a", "libvorbis"}},
	// AVI has only decoding time stamps.
	{name: "AVI, MPEG-4 and MP3", file: "f.avi", width: 160, height: 120, late: 1,
		video: []string{"-c:v", "mpeg4", "-q:v", "2"}, audio: []string{"-c:a", "libmp3lame"}},
	{name: "odd size, 8 kHz", file: "f.mov", width: 161, height: 121,
		video: []string{"-c:v", "libx264", "-pix_fmt", "yuv444p"}, audio: []string{"-c:a", "pcm_alaw", "-ar", "8000"}},
	{name: "H.264 with B-frames, mono at 44.1 kHz", file: "f.mp4", width: 160, height: 120,
		video: []string{"-c:v", "libx264", "-pix_fmt", "yuv420p", "-bf", "2"}, audio: []string{"-c:a", "aac", "-ar", "44100", "-ac", "1"}},
	{name: "oblong pixels, no sound", file: "f.mp4", width: 120, height: 120,
		video: []string{"-c:v", "libx264", "-pix_fmt", "yuv420p", "-vf", "setsar=4/3"}},
	{name: "picture starts late", file: "f.mkv", width: 160, height: 120, picture: 0.4,
		video: []string{"-c:v", "libx264", "-pix_fmt", "yuv420p", "-vf", "setpts=PTS+0.4/TB"}, audio: []string{"-c:a", "pcm_s16le"}},
	{name: "sound starts late", file: "f.mkv", width: 160, height: 120, beep: 0.9, filter: "asetpts=PTS+0.4/TB",
		video: []string{"-c:v", "libx264", "-pix_fmt", "yuv420p"}, audio: []string{"-c:a", "pcm_s16le"}},
	{name: "all starts late", file: "f.mkv", width: 160, height: 120, filter: "asetpts=PTS+7/TB",
		video: []string{"-c:v", "libx264", "-pix_fmt", "yuv420p", "-vf", "setpts=PTS+7/TB"}, audio: []string{"-c:a", "pcm_s16le"}},
}

func TestWhatPresentersHaveIsShownAndHeardInStep(t *testing.T) {
	t.Parallel()
	rate := msg.FPS(30)
	place := usual(testWidth, testHeight)
	for _, test := range inputs {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			args := mediatest.RawInput(rate, test.width, test.height)
			if test.audio != nil {
				wav := filepath.Join(t.TempDir(), "sound.wav")
				if err := os.WriteFile(wav, mediatest.PCM(2*time.Second, mediatest.Beep(0.5)), 0o600); err != nil {
					t.Fatal(err)
				}
				args = append(args, "-i", wav)
				if test.filter != "" {
					args = append(args, "-af", test.filter)
				}
				args = append(args, test.audio...)
			}
			data := mediatest.Make(t, test.file, mediatest.RawFrames(60, test.width, test.height, mediatest.Greys), append(args, test.video...)...)
			face, facts := b.probed(t, data)
			if facts.Height != test.height || (facts.AudioStream >= 0) != (test.audio != nil) {
				t.Errorf("facts %+v", facts)
			}
			const first, count = 6, 30
			segment := b.segment(t, rate, face, first, count)
			for n := range segment.Frames {
				want := max(0, first+n-int(test.picture*30+0.5))
				got := mediatest.ReadGrey(segment.Luma(n, place.X+place.Width/2, place.Y+place.Height/2, 6))
				if got != want%20 && got != max(0, want-test.late)%20 {
					t.Errorf("frame %d shows facecam grey %d, want %d", n, got, want%20)
				}
			}
			got := b.must(t, msg.Overlay, msg.OverlayParams{Width: testWidth, Height: testHeight, Rate: rate, Frames: 60},
				map[string]msg.Input{msg.Joined: b.joined(t, rate, 60), msg.FacecamFile: face}, outputsOfVideo...).(msg.VideoFacts)
			if got.Sound != (test.audio != nil) {
				t.Fatalf("facts %+v", got)
			}
			want := 0.5
			if test.beep != 0 {
				want = test.beep
			}
			checkMoovFirst(t, b.store.get(t, "overlay/video"))
			if got.Sound {
				if at := onset(hear(t, b.store.get(t, "overlay/video"))); math.Abs(at-want) > 1./30 {
					t.Errorf("the beep is at %.3f s, want %.1f", at, want)
				}
			}
		})
	}
}

func TestEveryWayAPhoneIsHeldIsUpright(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	p := usual(testWidth, testHeight)
	x, y, off := p.X+p.Width/2, p.Y+p.Height/2, p.Width/4
	flat := mediatest.Make(t, "flat.mp4", mediatest.RawFrames(24, 160, 120, halves), append(mediatest.RawInput(msg.FPS(24), 160, 120),
		"-c:v", "libx264", "-pix_fmt", "yuv420p", "-movflags", "+faststart")...)
	for _, test := range []struct {
		quarters, width, height int
		// bright is the direction from the centre in which the stored picture's left half is shown.
		brightX, brightY int
	}{{1, 120, 160, 0, -1}, {2, 160, 120, 1, 0}, {3, 120, 160, 0, 1}} {
		t.Run(fmt.Sprintf("%d degrees", 90*test.quarters), func(t *testing.T) {
			face, facts := b.probed(t, turn(t, flat, test.quarters))
			if facts.Width != test.width || facts.Height != test.height || facts.DurationMS != 1000 {
				t.Errorf("facts %+v", facts)
			}
			b.must(t, msg.Normalize,
				msg.NormalizeParams{Scene: 1, Width: testWidth, Height: testHeight, Rate: msg.FPS(24), Frames: 3, Facecam: true},
				map[string]msg.Input{
					msg.Mezzanine:   b.input(t, "m", mediatest.Mezzanine(t, msg.FPS(24), 3, testWidth, testHeight, mediatest.Bars, nil), nil),
					msg.FacecamFile: face,
				}, msg.Segment)
			segment := mediatest.Decode(t, b.store.get(t, "normalize/segment"), testWidth, testHeight)
			bright := segment.Luma(1, x+test.brightX*off, y+test.brightY*off, 3)
			dark := segment.Luma(1, x-test.brightX*off, y-test.brightY*off, 3)
			if bright < dark+100 {
				t.Errorf("brightness %.0f where it should be bright, %.0f where dark", bright, dark)
			}
		})
	}
}

// Every other line of an interlaced picture is of a later time: where something moves, its edges
// are combs.
func TestAnInterlacedFacecamHasNoCombs(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	rate, count := msg.FPS(24), 24
	full := usual(testWidth, testHeight)
	full.Fullscreen = []msg.Moment{{From: 0, To: count}}
	for _, kind := range []string{"facecam.ts", "facecam.mov"} {
		t.Run(kind, func(t *testing.T) {
			data := mediatest.Make(t, kind, nil, "-f", "lavfi", "-i", "color=gray:s=320x180:r=48:d=1", "-f", "lavfi", "-i", "color=white:s=40x180:r=48:d=1",
				"-filter_complex", "overlay=x='n*4',tinterlace=mode=interleave_top,format=yuv420p",
				"-c:v", "libx264", "-flags", "+ildct+ilme", "-x264-params", "tff=1", "-crf", "8")
			face, _ := b.probed(t, data)
			b.must(t, msg.Normalize, msg.NormalizeParams{
				Scene: 1, Width: testWidth, Height: testHeight, Rate: rate, Frames: count, Facecam: true, Bubble: &full,
			}, map[string]msg.Input{
				msg.Mezzanine:   b.input(t, "m", mediatest.Mezzanine(t, rate, count, testWidth, testHeight, mediatest.Bars, nil), nil),
				msg.FacecamFile: face,
			}, msg.Segment)
			segment := mediatest.Decode(t, b.store.get(t, "normalize/segment"), testWidth, testHeight)
			for n := range segment.Frames {
				// The bar's left edge moves from 8n+4 to 8n+8 between the two fields.
				even, odd := segment.Frames[n][90*testWidth:], segment.Frames[n][91*testWidth:]
				if x := 8*n + 6; math.Abs(float64(even[x])-float64(odd[x])) > 12 {
					t.Errorf("frame %d: brightness %d and %d, one above the other", n, even[x], odd[x])
				}
				if got := even[8*n+20]; got < 220 {
					t.Errorf("frame %d: brightness %d within the white bar", n, got)
				}
			}
		})
	}
}

func TestAnInterlacedFacecamMayChangeItsSize(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	part := func(size string) []byte {
		return mediatest.Make(t, "part.ts", nil, "-f", "lavfi", "-i", "testsrc2=r=48:d=1:s="+size, "-vf", "tinterlace=mode=interleave_top,format=yuv420p",
			"-c:v", "libx264", "-flags", "+ildct+ilme", "-x264-params", "tff=1")
	}
	face, _ := b.probed(t, slices.Concat(part("320x180"), part("160x120"), part("640x480")))
	if got := len(b.bubbled(t, face, 72).Frames); got != 72 {
		t.Errorf("%d frames", got)
	}
}

// turn writes a clockwise turn by quarters into the display matrix of an MP4's only track. FFmpeg 5
// and 7 have different options for it.
func turn(t *testing.T, data []byte, quarters int) []byte {
	t.Helper()
	cos := []int32{1, 0, -1, 0}[quarters] << 16
	sin := []int32{0, 1, 0, -1}[quarters] << 16
	matrix := func(cos, sin int32) (out []byte) {
		for _, v := range []int32{cos, sin, 0, -sin, cos, 0, 0, 0, 1 << 30} {
			out = binary.BigEndian.AppendUint32(out, uint32(v))
		}
		return out
	}
	identity := matrix(1<<16, 0)
	track := bytes.Index(data, []byte("tkhd"))
	at := bytes.Index(data[max(0, track):], identity)
	if track < 0 || at < 0 {
		t.Fatal("no display matrix in the test's file")
	}
	return slices.Concat(data[:track+at], matrix(cos, sin), data[track+at+len(identity):])
}

// palette are colours such as a camera records.
var palette = [][3]float64{
	{0.1, 0.1, 0.1}, {0.5, 0.5, 0.5}, {0.9, 0.9, 0.9}, {0.8, 0.62, 0.53}, {0.55, 0.36, 0.26}, {0.7, 0.2, 0.2}, {0.2, 0.55, 0.25},
	{0.2, 0.3, 0.7}, {0.8, 0.75, 0.2}, {0.3, 0.7, 0.7},
}

// flat makes 16 bit frames, one of each colour.
func flat(width, height int) []byte {
	var out []byte
	for _, colour := range palette {
		for range width * height {
			for _, v := range colour {
				out = binary.LittleEndian.AppendUint16(out, uint16(math.Round(65535*v)))
			}
		}
	}
	return out
}

func TestTheFacecamsColoursAreTrue(t *testing.T) {
	t.Parallel()
	sdr := func(r, g, b float64) (float64, float64, float64) { return r, g, b }
	for _, test := range []struct {
		name          string
		width, height int
		matrix, rng   string
		args          []string
		want          func(r, g, b float64) (float64, float64, float64)
		off           float64
	}{
		{"BT.709", 320, 180, "bt709", "tv", []string{"-c:v", "libx264", "-pix_fmt", "yuv420p", "-colorspace", "bt709"}, sdr, 4},
		{"BT.709 that does not say so", 1280, 720, "bt709", "tv", []string{"-c:v", "libx264", "-pix_fmt", "yuv420p"}, sdr, 4},
		{"BT.601 that does not say so", 320, 180, "bt601", "tv", []string{"-c:v", "libx264", "-pix_fmt", "yuv420p"}, sdr, 4},
		{"full range", 320, 180, "bt709", "pc", []string{"-c:v", "libx264", "-pix_fmt", "yuvj420p", "-colorspace", "bt709", "-color_range", "pc"}, sdr, 4},
		{"4:2:2 10 bit", 320, 180, "bt709", "tv", []string{"-c:v", "libx264", "-pix_fmt", "yuv422p10le", "-colorspace", "bt709"}, sdr, 4},
		{"HLG", 320, 180, "bt2020", "tv", hdrArgs("arib-std-b67"), tonemap.HLG.Colour, 5},
		{"PQ", 320, 180, "bt2020", "tv", hdrArgs("smpte2084"), tonemap.PQ.Colour, 5},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			args := []string{"-f", "rawvideo", "-pix_fmt", "rgb48le", "-s", fmt.Sprintf("%dx%d", test.width, test.height), "-r", "24", "-i", "-",
				"-vf", fmt.Sprintf("scale=out_color_matrix=%s:out_range=%s:flags=accurate_rnd+full_chroma_int", test.matrix, test.rng), "-preset", "ultrafast"}
			data := mediatest.Make(t, "facecam.mp4", bytes.NewReader(flat(test.width, test.height)), append(args, test.args...)...)
			face, _ := b.probed(t, data)
			count := len(palette)
			segment := b.bubbled(t, face, count)
			p := usual(testWidth, testHeight)
			for n, colour := range palette {
				got := segment.RGB(n, p.X+p.Width/2, p.Y+p.Height/2)
				r, g, bl := test.want(colour[0], colour[1], colour[2])
				for c, v := range []float64{r, g, bl} {
					if math.Abs(got[c]-255*v) > test.off {
						t.Errorf("%v came out as %.0f, want %.0f %.0f %.0f", colour, got, 255*r, 255*g, 255*bl)
						break
					}
				}
			}
		})
	}
}

func hdrArgs(transfer string) []string {
	return []string{"-c:v", "libx265", "-x265-params", "log-level=error:colorprim=bt2020:colormatrix=bt2020nc:transfer=" + transfer,
		"-crf", "8", "-pix_fmt", "yuv420p10le", "-colorspace", "bt2020nc", "-color_primaries", "bt2020", "-color_trc", transfer}
}
