package capture_test

import (
	"fmt"
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

// A page has its pictures decoded by one means after the other, and paints how many frames each
// took.
func TestPicturesAreDecodedWhilePageTimeStands(t *testing.T) {
	const most = 3 // frames
	means := []struct {
		name     string
		promises string // an expression with blob
	}{
		{"decode of one that is there", `[0, 1, 2].map(async () => { const i = new Image; i.src = URL.createObjectURL(blob); await new Promise(l => { i.onload = l }); await i.decode(); document.body.append(i) })`},
		{"decode of one that does not come", `[new Promise((done, fail) => { const i = new Image; i.src = "/none.jpg"; i.decode().then(fail, done) })]`},
		{"decode of one that comes", `[0, 1, 2].map(async () => { const i = new Image; i.src = URL.createObjectURL(blob); document.body.append(i); await i.decode() })`},
		{"createImageBitmap", `[0, 1, 2].map(() => createImageBitmap(blob))`},
	}
	page := `<style>img{width:100px;opacity:.01}</style><body>` + barcodes + `<script>(async () => {
		const blob = await (await fetch("/large.jpg")).blob(); let begin;`
	for row, m := range means {
		page += fmt.Sprintf(`
			await new Promise(f => setTimeout(f, 200));
			begin = performance.now();
			await Promise.all(%s);
			barcode(%d)(1 + Math.round((performance.now() - begin) * 60 / 1000));`, m.promises, row)
	}
	page += `})()</script>`
	const frames = 240
	url := site(t, map[string]http.HandlerFunc{"/large.jpg": file(large(t)), "/": html(page)})
	path, _ := shot{url: url, frames: frames}.mustTake(t)
	last := decode(t, path, msg.FPS(60), frames)[frames-1:]
	for row, m := range means {
		t.Run(m.name, func(t *testing.T) {
			if n := numbersIn(last, row)[0]; n == 0 || n > 1+most {
				t.Errorf("it took %d frames, want at most %d", n-1, most)
			}
		})
	}
}
