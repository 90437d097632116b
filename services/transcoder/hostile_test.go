package transcoder

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mediatest"
)

// box makes a box of an MP4 file.
func box(kind string, parts ...[]byte) []byte {
	body := slices.Concat(parts...)
	return slices.Concat(numbers(uint32(8+len(body))), []byte(kind), body)
}

// numbers writes values as 32 bits each.
func numbers(values ...uint32) (out []byte) {
	for _, v := range values {
		out = binary.BigEndian.AppendUint32(out, v)
	}
	return out
}

// boasting makes an MP4 of some hundred bytes whose header declares count pictures of one byte.
func boasting(count uint32) []byte {
	parameters := []byte("\x01\x42\xc0\x0a\xff\xe1\x00\x0a\x67\x42\xc0\x0a\xd9\x0b\x1f\x01\x00\x00\x01\x00\x04\x68\xce\x0f\x2c")
	entry := box("avc1", numbers(0, 1), make([]byte, 16), numbers(160<<16|120, 0x480000, 0x480000, 0),
		[]byte{0, 1}, make([]byte, 32), []byte{0, 24, 0xff, 0xff}, box("avcC", parameters))
	table := box("stbl", box("stsd", numbers(0, 1), entry), box("stts", numbers(0, 1, count, 1000)),
		box("stsc", numbers(0, 1, 1, count, 1)), box("stsz", numbers(0, 1, count)), box("stco", numbers(0, 1, 32)))
	media := box("mdia", box("mdhd", numbers(0, 0, 0, 30000, count, 0)),
		box("hdlr", numbers(0, 0), []byte("vide"), make([]byte, 13)),
		box("minf", box("vmhd", numbers(1, 0, 0)), box("dinf", box("dref", numbers(0, 1), box("url ", numbers(1)))), table))
	matrix := numbers(1<<16, 0, 0, 0, 1<<16, 0, 0, 0, 1<<30)
	track := box("tkhd", numbers(3, 0, 0, 1, 0, count, 0, 0, 0, 0), matrix, numbers(160<<16, 120<<16))
	movie := box("mvhd", numbers(0, 0, 0, 1000, count, 1<<16, 1<<24, 0, 0), matrix, make([]byte, 24), numbers(2))
	return slices.Concat(box("ftyp", []byte("isom\x00\x00\x02\x00isomavc1")), box("mdat", make([]byte, 16)),
		box("moov", movie, box("trak", track, media)))
}

func TestAFileThatWouldUseUpTheMachineIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	still := func(size string, more ...string) []string {
		return append([]string{"-f", "lavfi", "-i", "color=gray:r=1:d=1:s=" + size}, more...)
	}
	small := filepath.Join(t.TempDir(), "small.mp4")
	mediatest.Run(t, nil, mediatest.Tools.FFmpeg, append([]string{"-v", "error"}, still("64x64", "-c:v", "libx264", small)...)...)
	tracks := []string{"-i", small, "-c", "copy"}
	for range 65 {
		tracks = append(tracks, "-map", "0:0")
	}
	for _, test := range []struct {
		name  string
		data  []byte
		words string
	}{
		{"30 million pictures declared in 600 bytes", boasting(30_000_000), "The facecam is"},
		{"2 billion pictures declared in 600 bytes", boasting(2_000_000_000), "The facecam is"},
		{"100,000×1 pixels", mediatest.Make(t, "long.mkv", nil, still("100000x2", "-vf", "format=gray,crop=iw:1", "-c:v", "ffv1")...), "too large a picture (100000×1"},
		{"1×100,000 pixels", mediatest.Make(t, "high.mkv", nil, still("2x100000", "-vf", "format=gray,crop=1:ih", "-c:v", "ffv1")...), "too large a picture (1×100000"},
		{"100 million pixels in a megabyte", mediatest.Make(t, "bomb.mov", nil, still("10000x10000", "-pix_fmt", "gray", "-c:v", "qtrle")...), "too large a picture (10000×10000"},
		{"oblong pixels, far wider than high", mediatest.Make(t, "wide.mkv", nil, still("320x180", "-vf", "setsar=1000", "-c:v", "libx264")...), "too large a picture"},
		{"days long", mediatest.Make(t, "days.mkv", nil, still("64x64", "-vf", "loop=2:1,setpts=N*100000/TB", "-fps_mode", "passthrough", "-c:v", "libx264")...), "too long"},
		{"many tracks", mediatest.Make(t, "tracks.mp4", nil, tracks...), "too many tracks"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b.store.put("web/bad", test.data)
			b.wantFailure(t, b.url+"/web/bad?token=secret", msg.CodeFacecamNotVideo, true, test.words)
		})
	}
}

// A picture's size may change in the middle of a file, and the header does not say so.
func TestAPictureThatGrowsBeyondBoundsIsPassedOver(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	part := func(size string, from int) []byte {
		return mediatest.Make(t, "part.ts", nil, "-f", "lavfi", "-i", "color=white:r=24:d=1:s="+size, "-vf", fmt.Sprintf("trim=end_frame=%d", from),
			"-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-x264-params", "threads=1")
	}
	face, _ := b.probed(t, slices.Concat(part("160x120", 24), part("8192x4368", 2)))
	const count = 36
	segment := b.bubbled(t, face, count)
	p := usual(testWidth, testHeight)
	if got := segment.Luma(12, p.X+p.Width/2, p.Y+p.Height/2, 6); got < 220 {
		t.Errorf("brightness %.0f, want the facecam's white", got)
	}
}

// Whatever a file names, no other file is read and no server is called.
func TestAFileThatNamesOthersReachesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	secret := filepath.Join(t.TempDir(), "secret.ts")
	video := mediatest.Facecam(t, msg.FPS(24), 24, 160, 120, nil, "-f", "mpegts")
	if err := os.WriteFile(secret, video, 0o600); err != nil {
		t.Fatal(err)
	}
	called := make(chan string, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		called <- r.URL.Path
		_, _ = w.Write(video)
	}))
	t.Cleanup(server.Close)
	hls := func(url string) string {
		return "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n" + url + "\n#EXT-X-ENDLIST\n"
	}
	for name, text := range map[string]string{
		"HLS with a file":           hls("file://" + secret),
		"HLS with a URL":            hls(server.URL + "/segment.ts"),
		"HLS with a concat URL":     hls("concat:" + secret + "|" + secret),
		"HLS with a subfile URL":    hls("subfile,,start,0,end,0,,:" + secret),
		"HLS behind a video's head": "\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + hls(server.URL+"/segment.ts"),
		"HLS behind a byte mark":    "\xef\xbb\xbf" + hls(server.URL+"/segment.ts"),
		"concat script":             "ffconcat version 1.0\nfile " + secret + "\nfile " + server.URL + "/a.ts\n",
		"DASH":                      `<?xml version="1.0"?><MPD type="static"><Period><AdaptationSet><Representation id="1" bandwidth="1"><BaseURL>` + server.URL + `/a.mp4</BaseURL></Representation></AdaptationSet></Period></MPD>`,
		"ASX":                       `<asx version="3.0"><entry><ref href="` + server.URL + `/a.wmv"/></entry></asx>`,
		"QuickTime reference":       "\x00\x00\x00\x08wide" + string(box("moov", box("rmra", box("rmda", box("rdrf", numbers(0), []byte("url "), numbers(uint32(len(server.URL)+1)), []byte(server.URL+"\x00")))))),
		"PLS":                       "[playlist]\nFile1=" + server.URL + "/a.ts\nNumberOfEntries=1\n",
	} {
		t.Run(name, func(t *testing.T) {
			b.store.put("web/bad", []byte(text))
			b.wantFailure(t, b.url+"/web/bad?token=secret", msg.CodeFacecamNotVideo, true, "Please give the address of a video file")
		})
	}
	if len(called) > 0 {
		t.Errorf("the server got a request for %s", <-called)
	}
}

func TestDamagedVideosEndInAnErrorOrAVideo(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	rate, count := msg.FPS(24), 24
	joined := b.joined(t, rate, count)
	scene := b.input(t, "m", mediatest.Mezzanine(t, rate, count, testWidth, testHeight, mediatest.Bars, nil), nil)
	kinds := map[string][]int{"facecam.mp4": {97, 1009}, "facecam.webm": {1009}, "facecam.ts": {7}, "facecam.avi": {97}}
	if os.Getenv("LOOM_LONG") != "" {
		for kind := range kinds {
			kinds[kind] = []int{7, 97, 1009}
		}
	}
	for kind, damages := range kinds {
		codec := []string{"-c:v", "libx264", "-pix_fmt", "yuv420p"}
		if strings.HasSuffix(kind, "webm") {
			codec = []string{"-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8"}
		}
		whole := mediatest.Make(t, kind, nil, append([]string{"-f", "lavfi", "-i", "testsrc2=s=160x120:r=24:d=1", "-f", "lavfi", "-i", "sine=d=1"}, codec...)...)
		for _, every := range damages {
			t.Run(fmt.Sprintf("%s, every byte of %d", kind, every), func(t *testing.T) {
				bad := bytes.Clone(whole)
				for i := every; i < len(bad); i += every {
					bad[i] ^= byte(i)
				}
				b.store.put("web/bad", bad)
				facts, err := b.run(t, msg.Probe, msg.ProbeParams{URL: b.url + "/web/bad"}, nil, msg.FacecamFile)
				if err != nil {
					wantUsersFault(t, err, "The facecam")
					if b.store.has("probe/" + msg.FacecamFile) {
						t.Error("it was stored all the same")
					}
					return
				}
				b.store.remove("probe/" + msg.FacecamFile)
				face := b.input(t, "facecam", bad, facts)
				made, err := b.run(t, msg.Normalize,
					msg.NormalizeParams{Scene: 1, Width: testWidth, Height: testHeight, Rate: rate, Frames: count, Facecam: true},
					map[string]msg.Input{msg.Mezzanine: scene, msg.FacecamFile: face}, msg.Segment)
				wantFramesOrRefusal(t, made, err, count)
				made, err = b.run(t, msg.Overlay, msg.OverlayParams{Width: testWidth, Height: testHeight, Rate: rate, Frames: count},
					map[string]msg.Input{msg.Joined: joined, msg.FacecamFile: face}, outputsOfVideo...)
				wantFramesOrRefusal(t, made, err, count)
			})
		}
	}
}

// wantFramesOrRefusal checks that a task has made the given number of frames, or failed permanently
// because of the facecam.
func wantFramesOrRefusal(t *testing.T, made any, err error, frames int) {
	t.Helper()
	if err != nil {
		wantUsersFault(t, err, "The facecam")
		return
	}
	if facts, ok := made.(msg.VideoFacts); !ok || facts.Frames != frames {
		t.Errorf("facts %+v, want %d frames", made, frames)
	}
}
