package transcoder

import (
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage/stagetest"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mediatest"
)

// A process that reads a file beyond its bounds ends, its task fails permanently, and nothing is
// left. The service's bound of CPU time is too long for a test, so the test lowers it for the
// process that measures the sound.
func TestAFileThatTakesTooLongEndsAndLeavesNothing(t *testing.T) {
	t.Parallel()
	mediatest.NeedFFmpeg(t)
	program, err := exec.LookPath(mediatest.Tools.FFmpeg)
	if err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(t.TempDir(), "ffmpeg")
	lines := `case "$*" in *loudnorm*)
	tries=0
	while [ "$(ulimit -S -t)" = unlimited ]; do
		if [ $tries = 1000 ]; then echo the service sets no bound >&2; exit 1; fi
		tries=$((tries+1)); sleep 0.01
	done
	ulimit -S -t 1
esac
exec ` + program + ` "$@"`
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"+lines+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	store := &objects{data: map[string][]byte{}}
	server := httptest.NewServer(store)
	t.Cleanup(server.Close)
	// Decoding and measuring 7 minutes of sound takes many seconds of CPU time.
	store.put("long", mediatest.Make(t, "long.mkv", nil, "-f", "lavfi", "-i", "color=gray:s=64x48:r=1:d=400", "-f", "lavfi", "-i", "sine=r=8000:d=400",
		"-c:v", "libx264", "-preset", "ultrafast", "-c:a", "pcm_alaw"))
	store.put("playlist", []byte("#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"))
	store.put("boasting", boasting(2_000_000_000))

	bus, work := stagetest.StartNATS(t), t.TempDir()
	ingest := stagetest.NewIngest(t, bus)
	ingest.MakeStreams()
	serve(t, map[string]string{
		"NATS_URL": bus.URL(), "WORK_DIR": work, "TRANSCODER_SLOTS": "1", "EGRESS_ALLOW": "127.0.0.1", "FFMPEG_PATH": script,
	})
	for _, test := range []struct{ file, words string }{
		{"long", "has sound that cannot be decoded"}, {"playlist", "is a playlist"}, {"boasting", "The facecam is"},
	} {
		ingest.OnGrant(func(request msg.GrantRequest) (msg.GrantReply, bool) {
			return stagetest.Granted(request, func(g *msg.Grant) {
				g.Params = fmt.Appendf(nil, `{"url": "%s/%s"}`, server.URL, test.file)
				g.Outputs = map[string]msg.Output{msg.FacecamFile: {Key: "out", URL: msg.SignedURL(server.URL + "/out")}}
			}), true
		})
		ingest.Publish(msg.Probe)
		f := ingest.Result().Failure
		if f == nil || f.Code != msg.CodeFacecamNotVideo || !f.Permanent || !strings.Contains(f.Message, test.words) {
			t.Errorf("%s: the failure is %+v, want one with …%s…", test.file, f, test.words)
		}
		if store.has("out") {
			t.Errorf("%s: it was stored all the same", test.file)
		}
		if left, err := filepath.Glob(filepath.Join(work, "loom-transcode-*", "*")); err != nil || len(left) > 0 {
			t.Errorf("%s: %v is left, %v", test.file, left, err)
		}
	}
}
