package direct

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-rod/rod"

	"github.com/loom-lite/loom-lite/pkg/scene"
	"github.com/loom-lite/loom-lite/services/recorder/capture"
	"github.com/loom-lite/loom-lite/services/recorder/internal/script"
)

// leading is a page whose link fills the window and leads to /next.
const leading = stageBarcode + `<a href=/next style="position:absolute;left:0;top:0;width:320px;height:180px"></a>`

// After a click that leads elsewhere there is no document for some frames: what needs none of its
// elements waits for it.
func TestStepsWithoutAnElementWaitForTheNextDocument(t *testing.T) {
	t.Parallel()
	follow := func(a scene.Action) scene.Options {
		return scene.Options{Actions: []scene.Action{{At: stageAt(0.1), Do: "click", Selector: "a"}, a}}
	}
	const keys = stageBarcode + `<script>addEventListener("keydown", e => { if (e.key == "x") paint(7) })</script>`
	late := strings.Replace(keys, "<script>addEvent", "<script src=/slow></script><script>addEvent", 1)
	const field = stageBarcode + `<input autofocus><script>document.querySelector("input").oninput = e => { if (e.target.value == "xyz") paint(7) }</script>`
	tall := stageBarcode + `<div style="height:2000px"></div><script>addEventListener("scroll", () => { if (scrollY == 400) paint(7) })</script>`
	for name, test := range map[string]struct {
		next    string
		options scene.Options
	}{
		"press":                        {keys, follow(scene.Action{Do: "press", Key: "x"})},
		"press, while it is read":      {late, follow(scene.Action{Do: "press", Key: "x"})},
		"type":                         {field, follow(scene.Action{Do: "type", Text: "xyz"})},
		"type, in its time":            {field, follow(scene.Action{Do: "type", Text: "xyz", Seconds: 0.3})},
		"scroll":                       {tall, follow(scene.Action{Do: "scroll", Y: 400})},
		"scroll, in its time":          {tall, follow(scene.Action{Do: "scroll", Y: 400, Seconds: 0.3})},
		"the option scroll":            {tall, withScroll(follow(scene.Action{Do: "wait"}))},
		"the option scroll, and a key": {keys, withScroll(follow(scene.Action{Do: "press", Key: "x"}))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shot := stagePage(leading, 36, test.options)
			shot.pages["/next"] = test.next
			shot.pages["/slow"] = ""
			pictures := shot.mustTake(t)
			if got := pictures[35].number(10); got != 7 {
				t.Errorf("the next document shows %d, want 7: it was not done in it", got)
			}
		})
	}
}

func withScroll(o scene.Options) scene.Options {
	o.Scroll = &scene.Scroll{To: "400", Seconds: 0.3}
	return o
}

// A page that reloads itself, once or for a while, is gone through and scrolled to its end all the
// same.
func TestAPageThatReloadsIsScrolled(t *testing.T) {
	t.Parallel()
	reloading := func(times, after int) string {
		return stageStyle + stageStripes(0, 60) + fmt.Sprintf(`<script>
			const k = sessionStorage.k = +(sessionStorage.k || 0) + 1
			if (k <= %d) setTimeout(() => location.reload(), %d)</script>`, times, after)
	}
	for name, test := range map[string]struct {
		body    string
		options scene.Options
		want    int
	}{
		"once":                 {reloading(1, 150), scene.Options{Scroll: &scene.Scroll{To: "end", Seconds: 0.4}}, 60*stageBlock - stageHeight},
		"by speed":             {reloading(1, 150), scene.Options{Scroll: &scene.Scroll{To: "end", Speed: 3000}}, 60*stageBlock - stageHeight},
		"again and again":      {reloading(12, 20), scene.Options{Scroll: &scene.Scroll{To: "end", Seconds: 0.4}}, 60*stageBlock - stageHeight},
		"as it is prescrolled": {reloading(12, 40), scene.Options{Prescroll: true}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := stagePage(test.body, 40, test.options).mustTake(t)[39].scrolled(0); got != test.want {
				t.Errorf("at the end, the page is scrolled to %d, want %d", got, test.want)
			}
		})
	}
}

// A document that never comes is waited for as long as an element is.
func TestADocumentThatDoesNotComeIsNotWaitedForForEver(t *testing.T) {
	t.Parallel()
	o := scene.Options{Actions: []scene.Action{{At: stageAt(0.2), Do: "click", Selector: "a"}, {Do: "scroll", Y: 100}}}
	shot := stagePage(leading, 120, o)
	shot.pages["/next"] = `<script>document.documentElement.remove()</script>`
	_, err := shot.take(t)
	var action *ActionError
	if !errors.As(err, &action) || *action != (ActionError{2, "scroll", ReasonBusy}) {
		t.Errorf("capture returned %v, want that action 2 has no document", err)
	}
}

// failing asks the driver for what it does not know, as a fault of ours would.
type failing struct{ capture.Director }

func (failing) Frame(ctx context.Context, page *rod.Page, _ time.Duration) error {
	return (&driver{page: page}).ask(ctx, nil, "nothing")
}

func TestAFaultOfOurScriptsIsNotThePages(t *testing.T) {
	t.Parallel()
	shot := stagePage("<p>x</p>", 2, scene.Options{})
	shot.around = func(d capture.Director) capture.Director { return failing{d} }
	_, err := shot.take(t)
	var page *capture.PageError
	var own *script.Error
	if !errors.As(err, &own) || errors.As(err, &page) {
		t.Fatalf("capture returned %v, want an error of our script", err)
	}
	if !strings.Contains(own.Thrown, "TypeError") || !strings.Contains(own.Thrown, "loom:driver.js") {
		t.Errorf("it says %q, not what failed where", own.Thrown)
	}
}
