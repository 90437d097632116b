package capture_test

import (
	"net/http"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// large makes a picture that takes some time to decode, of 12 million pixels.
func large(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "large.jpg")
	said, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=4032x3024:d=1", "-frames:v", "1", "-q:v", "31", path).CombinedOutput()
	if err != nil {
		t.Fatalf("ffmpeg: %v: %s", err, said)
	}
	return path
}

func TestPicturesAreDecodedWhilePageTimeStands(t *testing.T) {
	picture := file(large(t))
	for name, c := range map[string]struct {
		promises string // an expression with blob
		most     int    // frames
	}{
		"decode of one that is there":      {`[0, 1, 2].map(async () => { const i = new Image; i.src = URL.createObjectURL(blob); await new Promise(l => { i.onload = l }); await i.decode(); document.body.append(i) })`, 3},
		"decode of one that does not come": {`[new Promise((done, fail) => { const i = new Image; i.src = "/none.jpg"; i.decode().then(fail, done) })]`, 3},
		"decode of one that comes":         {`[0, 1, 2].map(async () => { const i = new Image; i.src = URL.createObjectURL(blob); document.body.append(i); await i.decode() })`, 3},
		"createImageBitmap":                {`[0, 1, 2].map(() => createImageBitmap(blob))`, 3},
	} {
		t.Run(name, func(t *testing.T) {
			url := site(t, map[string]http.HandlerFunc{"/large.jpg": picture, "/": html(barcode + `<style>img{width:100px;opacity:.01}</style><body><script>
				(async () => {
					const blob = await (await fetch("/large.jpg")).blob()
					await new Promise(f => setTimeout(f, 200))
					const begin = performance.now()
					await Promise.all(` + c.promises + `)
					paint(1 + Math.round((performance.now() - begin) * 60 / 1000))
				})().catch(e => document.title = e)</script>`)})
			const frames = 240
			path, _ := shot{url: url, frames: frames}.mustTake(t)
			pictures := decode(t, path, msg.FPS(60), frames)
			if n := pictures[frames-1].number(); n == 0 || n > 1+c.most {
				t.Errorf("it took %d frames, want at most %d", n-1, c.most)
			}
		})
	}
}
