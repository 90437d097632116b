package transcoder

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mediatest"
)

// MediaRecorder's files have no duration in the header, and a variable frame rate.
func webm(t *testing.T, rate msg.Rate, seconds int) []byte {
	t.Helper()
	length := time.Duration(seconds) * time.Second
	file := filepath.Join(t.TempDir(), "sound.wav")
	if err := os.WriteFile(file, mediatest.PCM(length, mediatest.Beep(0.5)), 0o600); err != nil {
		t.Fatal(err)
	}
	args := append(mediatest.RawInput(rate, 160, 120), "-i", file, "-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "2M",
		"-c:a", "libopus", "-f", "webm", "-live", "1", "-")
	return mediatest.Run(t, mediatest.RawFrames(rate.Frames(length), 160, 120, mediatest.Greys), mediatest.Tools.FFmpeg, append([]string{"-v", "error"}, args...)...)
}

func TestAFacecamIsMeasuredNotBelieved(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	t.Run("recorded in a browser", func(t *testing.T) {
		data := webm(t, msg.FPS(30), 2)
		input, facts := b.probed(t, data)
		want := msg.ProbeFacts{
			Bytes: int64(len(data)), DurationMS: facts.DurationMS, Width: 160, Height: 120, VideoCodec: "vp8",
			AudioStream: 1, AudioCodec: "opus", SoundMS: facts.SoundMS, Loudness: facts.Loudness,
		}
		if facts != want || math.Abs(float64(facts.DurationMS)-2000) > 40 || math.Abs(float64(facts.SoundMS)-2000) > 40 || facts.Loudness == nil {
			t.Errorf("facts %+v", facts)
		}
		if !bytes.Equal(b.store.get(t, input.Key), data) {
			t.Error("what was stored is not what was fetched")
		}
		// In a video of twice its rate.
		const first = 21
		segment, p := b.segment(t, msg.FPS(60), input, first, 40), usual(testWidth, testHeight)
		for n := range segment.Frames {
			// Time stamps are in milliseconds, so each facecam frame may be a frame early or late.
			got, want := mediatest.ReadGrey(segment.Luma(n, p.X+p.Width/2, p.Y+p.Height/2, 6)), (first+n)/2
			if got != want%20 && got != (want-1)%20 && got != (want+1)%20 {
				t.Errorf("frame %d shows facecam grey %d, want %d", n, got, want%20)
			}
		}
	})
	t.Run("picture after sound", func(t *testing.T) {
		late := mediatest.Facecam(t, msg.FPS(30), 30, 160, 90, mediatest.PCM(4*time.Second, mediatest.Beep(0.5)), ".mkv",
			"-c:v", "libx264", "-pix_fmt", "yuv420p", "-vf", "setpts=PTS+3/TB", "-c:a", "pcm_s16le")
		if _, facts := b.probed(t, late); math.Abs(float64(facts.DurationMS)-4000) > 40 {
			t.Errorf("the picture ends after %d ms, want 4000", facts.DurationMS)
		}
	})
	t.Run("with more to say of itself than to show", func(t *testing.T) {
		tags := ";FFMETADATA1\n"
		for n := range 160 {
			tags += fmt.Sprintf("note%d=%s\n", n, strings.Repeat("x", 60_000))
		}
		dir := t.TempDir()
		for name, data := range map[string][]byte{"tags": []byte(tags), "flat.mp4": mediatest.Facecam(t, msg.FPS(30), 30, 160, 90, nil)} {
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		tagged := mediatest.Make(t, "tagged.mkv", nil, "-i", filepath.Join(dir, "flat.mp4"), "-i", filepath.Join(dir, "tags"),
			"-map", "0", "-map_metadata", "1", "-c", "copy")
		if len(tagged) < 9_000_000 {
			t.Fatalf("the test's file has %d bytes", len(tagged))
		}
		if _, facts := b.probed(t, tagged); facts.DurationMS != 1000 {
			t.Errorf("facts %+v", facts)
		}
	})
}

// wantFailure runs the probe of a facecam and checks how it fails.
func (b *bench) wantFailure(t *testing.T, url string, code msg.Code, permanent bool, words string) {
	t.Helper()
	b.wantFetchToFail(t, msg.Probe, msg.ProbeParams{URL: url}, msg.FacecamFile, code, permanent, words)
}

// wantFetchToFail runs a task that fetches a stranger's file and writes output, and checks how it
// fails.
func (b *bench) wantFetchToFail(t *testing.T, kind msg.Kind, params any, output string, code msg.Code, permanent bool, words string) {
	t.Helper()
	_, err := b.run(t, kind, params, nil, output)
	var failure *stage.Error
	if !errors.As(err, &failure) {
		t.Fatalf("error %v, want one with code %s", err, code)
	}
	if failure.Code != code || failure.Permanent != permanent || !strings.Contains(failure.Message, words) {
		t.Errorf("%s, permanent %t, %q; want %s, permanent %t, …%s…", failure.Code, failure.Permanent, failure.Message, code, permanent, words)
	}
	if b.store.has(string(kind) + "/" + output) {
		t.Error("it was stored all the same")
	}
	for _, text := range []string{failure.Message, err.Error()} {
		if strings.Contains(text, "secret") || strings.Contains(text, "/tmp") {
			t.Errorf("%q tells too much", text)
		}
	}
}

func TestAFileThatIsNoVideoIsRefusedForGood(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	if w, err := z.Create("facecam.mp4"); err != nil {
		t.Fatal(err)
	} else if _, err := w.Write([]byte("not really")); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	wav := filepath.Join(t.TempDir(), "sound.wav")
	if err := os.WriteFile(wav, mediatest.PCM(time.Second, mediatest.Beep(0)), 0o600); err != nil {
		t.Fatal(err)
	}
	video := mediatest.Facecam(t, msg.FPS(24), 96, 160, 120, nil)
	started := mediatest.Facecam(t, msg.FPS(24), 96, 160, 120, nil, "-movflags", "+faststart")
	photo := mediatest.Make(t, "photo.jpg", mediatest.RawFrames(1, 160, 120, mediatest.Bars), mediatest.RawInput(msg.FPS(24), 160, 120)...)
	secret := filepath.Join(t.TempDir(), "secret.ts")
	if err := os.WriteFile(secret, mediatest.Facecam(t, msg.FPS(24), 24, 160, 120, nil, "-f", "mpegts"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name  string
		data  []byte
		words string
	}{
		{"text", []byte("hello, I am a presenter\n"), "text file"},
		{"web page", []byte("<!doctype html><title>My video</title>"), "web page"},
		{"zip", archive.Bytes(), "archive"},
		{"nothing", nil, "empty"},
		{"photo", photo, "still picture"},
		{"HLS playlist", []byte("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://" + secret + "\n#EXT-X-ENDLIST\n"), "playlist"},
		{"concat script", []byte("ffconcat version 1.0\nfile " + secret + "\n"), "playlist"},
		{"SDP", []byte("v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n"), "playlist"},
		{"DASH manifest", []byte(`<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"></MPD>`), "playlist"},
		{"sound only, WAV", mediatest.PCM(time.Second, mediatest.Beep(0)), "sound but no picture"},
		{"sound only, MP4", mediatest.Make(t, "sound.m4a", nil, "-i", wav, "-c:a", "aac"), "sound but no picture"},
		{"cut off before its index", video[:len(video)/2], "damaged"},
		{"cut off after its index", started[:len(started)/2], "cut off"},
		{"noise with a video's name", append([]byte("\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"), bytes.Repeat([]byte("noise"), 2000)...), "damaged"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b.store.put("web/bad", test.data)
			b.wantFailure(t, b.url+"/web/bad?token=secret", msg.CodeFacecamNotVideo, true, test.words)
		})
	}
}

func TestAFacecamThatCannotBeFetched(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	answer := func(status int) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		t.Cleanup(server.Close)
		return server.URL + "/?token=secret"
	}
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100000")
		_, _ = w.Write(make([]byte, 1000))
	}))
	t.Cleanup(broken.Close)
	untrusted := httptest.NewUnstartedServer(http.NotFoundHandler())
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0)
	untrusted.StartTLS()
	t.Cleanup(untrusted.Close)
	moved := httptest.NewServer(http.RedirectHandler("http://169.254.169.254/latest?token=secret", http.StatusFound))
	t.Cleanup(moved.Close)

	for _, test := range []struct {
		name, url string
		code      msg.Code
		permanent bool
		words     string
	}{
		{"not found", answer(404), msg.CodeFacecamStatus, true, "not found"},
		{"forbidden", answer(403), msg.CodeFacecamStatus, true, "expired"},
		{"server error", answer(503), msg.CodeFacecamStatus, false, "503"},
		{"too many requests", answer(429), msg.CodeFacecamStatus, false, "busy"},
		{"no content", answer(204), msg.CodeFacecamStatus, true, "204"},
		{"refused connection", "http://" + closed.Addr().String() + "/?token=secret", msg.CodeFacecamUnreachable, false, "could not be downloaded"},
		{"broken off", broken.URL + "/?token=secret", msg.CodeFacecamUnreachable, false, "could not be downloaded"},
		{"no certificate", untrusted.URL + "/?token=secret", msg.CodeFacecamUnreachable, true, "certificate"},
		{"private address", "http://10.0.0.1/?token=secret", msg.CodeFacecamRefused, true, "public"},
		{"redirect to a private address", moved.URL + "/?token=secret", msg.CodeFacecamRefused, true, "public"},
		{"no URL", "http://[secret", msg.CodeFacecamURL, true, "https://"},
	} {
		t.Run(test.name, func(t *testing.T) { b.wantFailure(t, test.url, test.code, test.permanent, test.words) })
	}
}

// noSuchHost fails as the network does for a name without an address.
type noSuchHost struct{}

func (noSuchHost) Do(*http.Request) (*http.Response, error) {
	return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "facecam.invalid", IsNotFound: true}}
}

func TestAFacecamWhoseHostHasNoAddress(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.facecams.Client = noSuchHost{}
	b.wantFailure(t, "http://facecam.invalid/", msg.CodeFacecamUnresolved, true, "could not be found")
}

func TestAFacecamThatIsTooLarge(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.facecams.MaxBytes = 10_000
	large := bytes.Repeat([]byte{1}, 20_000)
	for name, announce := range map[string]bool{"announced": true, "found out": false} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if !announce {
					w.(http.Flusher).Flush() // no Content-Length from here on
				}
				_, _ = w.Write(large)
			}))
			defer server.Close()
			b.wantFailure(t, server.URL, msg.CodeFacecamTooLarge, true, "larger than")
		})
	}
}

func TestAFacecamThatNeverArrives(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.facecams.Timeout = 50 * time.Millisecond
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer server.Close()
	b.wantFailure(t, server.URL, msg.CodeFacecamUnreachable, false, "too long")
}
