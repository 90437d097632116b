package transcoder

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

func TestAVideoOfOneSceneIsMadeWithoutATask(t *testing.T) {
	t.Parallel()
	needFFmpeg(t)
	const count = 45
	dir, last := t.TempDir(), 0.0
	data := mezzanine(t, msg.FPS(30), count, testWidth, testHeight, bars, nil)
	if err := os.WriteFile(filepath.Join(dir, MezzanineFile), data, 0o600); err != nil {
		t.Fatal(err)
	}
	single := Single{
		FFmpegPath: tools.FFmpeg, FFprobePath: tools.FFprobe, Dir: dir,
		Params:   msg.NormalizeParams{Scene: 1, Width: testWidth, Height: testHeight, Rate: msg.FPS(30), Frames: count},
		Progress: func(fraction float64) { last = fraction },
	}
	var out bytes.Buffer
	facts, err := single.Write(t.Context(), &out)
	if err != nil {
		t.Fatal(err)
	}
	if facts.Frames != count || facts.Bytes != int64(out.Len()) || last != 1 {
		t.Errorf("facts %+v of %d bytes, progress %v", facts, out.Len(), last)
	}
	video := decode(t, out.Bytes(), testWidth, testHeight)
	if len(video.frames) != count {
		t.Fatalf("%d frames, want %d", len(video.frames), count)
	}
	for n := range count {
		if got := video.readBars(n); got != n {
			t.Errorf("frame %d shows %d", n, got)
		}
	}
	// A player can begin before it has all of it.
	if moov, mdat := bytes.Index(out.Bytes(), []byte("moov")), bytes.Index(out.Bytes(), []byte("mdat")); moov < 0 || moov > mdat {
		t.Errorf("moov is at %d, mdat at %d", moov, mdat)
	}
}

func TestAMezzanineThatIsNotThereIsNamed(t *testing.T) {
	t.Parallel()
	needFFmpeg(t)
	single := Single{
		FFmpegPath: tools.FFmpeg, FFprobePath: tools.FFprobe, Dir: t.TempDir(),
		Params: msg.NormalizeParams{Scene: 1, Width: testWidth, Height: testHeight, Rate: msg.FPS(30), Frames: 1},
	}
	var out bytes.Buffer
	if _, err := single.Write(t.Context(), &out); err == nil || !strings.Contains(err.Error(), MezzanineFile) || out.Len() > 0 {
		t.Errorf("Write returned %v and wrote %d bytes", err, out.Len())
	}
}
