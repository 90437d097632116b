package transcoder

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mediatest"
)

func TestAVideoOfOneSceneIsMadeWithoutATask(t *testing.T) {
	t.Parallel()
	mediatest.NeedFFmpeg(t)
	const count = 45
	dir, last := t.TempDir(), 0.0
	single := Single{
		FFmpegPath: mediatest.Tools.FFmpeg, Dir: dir, Pieces: []int{30, 15},
		Params:   msg.NormalizeParams{Scene: 1, Width: testWidth, Height: testHeight, Rate: msg.FPS(30), Frames: count},
		Progress: func(fraction float64) { last = fraction },
	}
	pieces, first := make(chan string, 2), 0
	for i, frames := range single.Pieces {
		data := mediatest.Mezzanine(t, msg.FPS(30), frames, testWidth, testHeight, func(n int, rgb []byte, width, height int) { mediatest.Bars(first+n, rgb, width, height) }, nil)
		path := filepath.Join(dir, fmt.Sprintf("piece-%d", i))
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		pieces <- path
		first += frames
	}
	var out bytes.Buffer
	facts, err := single.Write(t.Context(), pieces, &out)
	if err != nil {
		t.Fatal(err)
	}
	if facts.Frames != count || facts.Bytes != int64(out.Len()) || last != 1 {
		t.Errorf("facts %+v of %d bytes, progress %v", facts, out.Len(), last)
	}
	video := mediatest.Decode(t, out.Bytes(), testWidth, testHeight)
	if len(video.Frames) != count {
		t.Fatalf("%d frames, want %d", len(video.Frames), count)
	}
	for n := range count {
		if got := video.ReadBars(n); got != n {
			t.Errorf("frame %d shows %d", n, got)
		}
	}
	// A player can begin before it has all of it.
	if moov, mdat := bytes.Index(out.Bytes(), []byte("moov")), bytes.Index(out.Bytes(), []byte("mdat")); moov < 0 || moov > mdat {
		t.Errorf("moov is at %d, mdat at %d", moov, mdat)
	}
}

func TestARecordingThatEndsEarlyMakesNoVideo(t *testing.T) {
	t.Parallel()
	mediatest.NeedFFmpeg(t)
	single := Single{
		FFmpegPath: mediatest.Tools.FFmpeg, Dir: t.TempDir(), Pieces: []int{1},
		Params: msg.NormalizeParams{Scene: 1, Width: testWidth, Height: testHeight, Rate: msg.FPS(30), Frames: 1},
	}
	pieces := make(chan string)
	close(pieces)
	var out bytes.Buffer
	if _, err := single.Write(t.Context(), pieces, &out); err == nil || !strings.Contains(err.Error(), "after 0 of 1 pieces") || out.Len() > 0 {
		t.Errorf("Write returned %v and wrote %d bytes", err, out.Len())
	}
}
