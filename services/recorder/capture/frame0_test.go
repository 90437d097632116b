package capture_test

import (
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/recorder/capture"
)

// slowPicture answers with a white picture after 300 ms.
func slowPicture(w http.ResponseWriter, r *http.Request) {
	select {
	case <-time.After(300 * time.Millisecond): // what is tested is that this is no page time
	case <-r.Context().Done():
	}
	picture := image.NewGray(image.Rect(0, 0, 16, 16))
	for i := range picture.Pix {
		picture.Pix[i] = 0xff
	}
	picture.Set(0, 0, color.White)
	w.Header().Set("Content-Type", "image/png")
	_ = png.Encode(w, picture)
}

// Beside an entrance animation, a slow picture is there in frame 0, and the animation is at its
// beginning.
func TestFrame0HasItsPicturesAndItsAnimationsBegin(t *testing.T) {
	const entrance = `<style>body{margin:0;background:#000;overflow:hidden}
		b{position:absolute;top:140px;width:16px;height:40px;background:#fff;animation:m 1s linear}
		@keyframes m{to{transform:translateX(240px)}}img{position:absolute;left:280px;top:0;width:40px;height:40px}</style><b></b>`
	url := site(t, map[string]http.HandlerFunc{
		"/slow.png": slowPicture,
		"/eager":    html(entrance + `<img src=/slow.png?eager>`),
		"/lazy":     html(entrance + `<img loading=lazy src=/slow.png?lazy>`),
		"/css":      html(entrance + `<p style="position:absolute;left:280px;top:0;margin:0;width:40px;height:40px;background:url(/slow.png?css)"></p>`),
		"/script": html(entrance + `<script>fetch("/slow.png?script").then(() => { const i = new Image; i.src = "/slow.png?again";
			i.onload = () => document.body.append(i) })</script>`),
		"/observer": html(entrance + `<p style="position:absolute;top:0">x</p><script>new IntersectionObserver((entries, o) => { o.disconnect();
			const i = new Image; i.src = "/slow.png?observer"; document.body.append(i) }).observe(document.querySelector("p"))</script>`),
	})
	t.Parallel()
	s := shot{frames: 1, bounds: capture.DefaultBounds}.shared(t)
	for _, page := range []string{"/eager", "/lazy", "/css", "/script", "/observer"} {
		t.Run(page[1:], func(t *testing.T) {
			s.url = url + page
			path, _ := s.mustTake(t)
			frame0 := decode(t, path, msg.FPS(60), 1)[0]
			if luma := frame0.at(300, 20); luma < 200 {
				t.Errorf("at frame 0 the picture is not there: its place has %d", luma)
			}
			if at := frame0.bar(); at < 0 || at > 1 { // a millisecond is a quarter of a pixel
				t.Errorf("at frame 0 the bar is at %d, want 0", at)
			}
		})
	}
}

// The time that the network takes shows in no clock of the page.
func TestFrame0IsAtTheSameTimeHoweverSlowTheNetwork(t *testing.T) {
	t.Parallel()
	now := barcode + `%s<script>requestAnimationFrame(t => paint(Math.round(10 * t) << 8 | Math.round(10 * performance.now())))</script>`
	url := site(t, map[string]http.HandlerFunc{
		"/slow.png": slowPicture,
		"/fast":     html(fmt.Sprintf(now, "")),
		"/slow":     html(fmt.Sprintf(now, `<img src=/slow.png><img src=/slow.png?2><script src=/slow.png?3></script>`)),
	})
	s := shot{frames: 1, bounds: capture.DefaultBounds}.shared(t)
	for _, page := range []string{"/fast", "/slow"} {
		s.url = url + page
		path, _ := s.mustTake(t)
		if n := decode(t, path, msg.FPS(60), 1)[0].number(); n != 10<<8|10 {
			t.Errorf("%s is drawn at %d and %d tenths of a millisecond, want 10", page, n>>8, n&0xff)
		}
	}
}
