package direct_test

import (
	"net/http"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/scene"
)

// A page has the window, the screen and the pixels that were asked for however it is captured. The
// picture's size is checked by takeAs.
func TestAViewportIsTheSameInEveryMode(t *testing.T) {
	t.Parallel()
	// Until the last frame, since in real time a page may still be told of its window when the
	// first is taken.
	told := func(found, want string) http.HandlerFunc {
		return html(`<meta name=viewport content="width=device-width"><style>
			i{position:fixed;top:0;left:40.5px;width:.5px;height:50%;background:#000}b{position:fixed;right:0;bottom:0;width:40px;height:40px}
			</style><body style="background:#fff"><i></i><b></b><p id=p></p><script>requestAnimationFrame(function f() {
			const found = String(` + found + `)
			document.querySelector("b").style.background = found === "` + want + `" ? "green" : "red"
			document.getElementById("p").textContent = found
			requestAnimationFrame(f)
		})</script>`)
	}
	const window = `[innerWidth, innerHeight, devicePixelRatio, screen.width === innerWidth, navigator.maxTouchPoints, ` +
		`matchMedia("(pointer: coarse)").matches]`
	url := site(t, map[string]http.HandlerFunc{
		"/plain":  told(`[innerWidth, innerHeight, devicePixelRatio]`, "200,160,2"),
		"/mobile": told(window, "200,160,2,true,5,true"),
	})
	for _, mode := range []msg.Mode{msg.ModeExact, msg.ModeVirtual, msg.ModeRealtime} {
		for path, mobile := range map[string]bool{"/plain": false, "/mobile": true} {
			t.Run(string(mode)+path, func(t *testing.T) {
				frames := 2
				if mode == msg.ModeRealtime {
					frames = 30
				}
				pictures, err := takeAs(t.Context(), t, mode, url+path, frames, scene.Options{
					Mobile: mobile, Viewport: &scene.Viewport{Width: 200, Height: 160, DeviceScaleFactor: 2},
				})
				if err != nil {
					t.Fatal(err)
				}
				last := pictures[len(pictures)-1]
				wantColour(t, last, 380, 310, green, "what the page is told")
				// A line of half a CSS pixel is one of the picture's.
				for x, want := range map[int]bool{80: false, 81: true, 82: false} {
					r, _, _, _ := last.At(x, 150).RGBA()
					if dark := r>>8 < 128; dark != want {
						t.Errorf("the pixel at %d is %02x", x, r>>8)
					}
				}
			})
		}
	}
}
