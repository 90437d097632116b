package capture_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/recorder/capture"
)

func TestScreenshotsMoveAnimationsWithTheFrames(t *testing.T) {
	const frames = 30
	rows := map[string]int{"style": 20, "script": 80, "svg": 160} // by what moves the bar there
	url := site(t, map[string]http.HandlerFunc{
		"/page": html(`<style>body{margin:0;background:#000;overflow:hidden}b,svg{position:absolute;left:0;width:16px;height:40px;background:#fff}
			#style{top:0;animation:m 2s linear}@keyframes m{to{transform:translateX(480px)}}
			#script{top:60px}svg{top:140px;width:320px;background:none}</style><b id=style></b><b id=script></b>
			<svg><rect width=16 height=40 fill=white><animate attributeName=x from=0 to=480 dur=2s /></rect></svg>
			<script>document.querySelector("#script").animate(
			[{transform: "none"}, {transform: "translateX(480px)"}], {duration: 4000}).playbackRate = 2</script>`),
		"/elsewhere": html(`<script>location = "/page"</script>`),
	})
	for _, page := range []string{"/page", "/elsewhere"} {
		t.Run(page[1:], func(t *testing.T) {
			t.Parallel()
			path, _ := shot{pooled: true, url: url + page, mode: msg.ModeVirtual, frames: frames}.mustTake(t)
			for i, p := range decode(t, path, msg.FPS(60), frames) {
				for means, y := range rows {
					if at := p.edge(y); at < 4*i-1 || at > 4*i+1 { // 240 pixels a second, from frame 0 on
						t.Fatalf("at frame %d the bar that is moved by %s is at %d, want %d", i, means, at, 4*i)
					}
				}
			}
		})
	}
}

// An animation that starts in the middle of the scene starts at its beginning, and its end is
// reported.
func TestScreenshotsTellTheEndOfAnimations(t *testing.T) {
	t.Parallel()
	const frames = 60
	url := site(t, map[string]http.HandlerFunc{"/": html(barcode + `<script>setTimeout(() =>
		document.documentElement.animate([{opacity: 1}, {opacity: 1}], {duration: 250}).finished.then(() => paint(4711)), 300)</script>`)})
	path, _ := shot{pooled: true, url: url, mode: msg.ModeVirtual, frames: frames}.mustTake(t)
	first := -1
	for i, p := range decode(t, path, msg.FPS(60), frames) {
		if p.number() == 4711 {
			first = i
			break
		}
	}
	// It is made at frame 18, shown first at 18 or 19, and lasts for 15.
	if first < 32 || first > 36 {
		t.Errorf("the end was told at frame %d, want about 34", first)
	}
}

// There is one page clock: the times that scripts read and animation frames show agree.
func TestScreenshotsHaveOneClock(t *testing.T) {
	t.Parallel()
	const frames = 60
	url := site(t, map[string]http.HandlerFunc{"/": html(barcode + `<script>
		let start, date; requestAnimationFrame(function f(t) {
			start ??= t; date ??= Date.now();
			const same = Math.abs(t - performance.now()) < 1 && Math.abs(Date.now() - date - (t - start)) < 2;
			paint(same ? Math.round(t - start) : 0xffff); requestAnimationFrame(f) })</script>`)})
	path, _ := shot{pooled: true, url: url, mode: msg.ModeVirtual, frames: frames}.mustTake(t)
	for i, p := range decode(t, path, msg.FPS(60), frames) {
		if at, want := p.number(), i*1000/60; at < want-1 || at > want+1 {
			t.Fatalf("frame %d is drawn at %d ms, want %d (65535: the clocks disagree)", i, at, want)
		}
	}
}

func TestScreenshotsMoveFramesOfOtherOrigins(t *testing.T) {
	t.Parallel()
	const frames = 30
	url := site(t, map[string]http.HandlerFunc{"/frame": html(counting)})
	other := strings.Replace(url, "127.0.0.1", "localhost", 1)
	outer := site(t, map[string]http.HandlerFunc{
		"/": html(fmt.Sprintf(`<style>body{margin:0}iframe{border:0;width:320px;height:180px}</style><iframe src=%s/frame></iframe>`, other)),
	})
	path, _ := shot{url: outer, allow: "127.0.0.1,localhost", mode: msg.ModeVirtual, frames: frames}.mustTake(t)
	for i, p := range decode(t, path, msg.FPS(60), frames) {
		if p.number() != i+1 {
			t.Fatalf("frame %d shows animation frame %d, want %d", i, p.number(), i+1)
		}
	}
}

func TestAnimationFramesCanBeCancelled(t *testing.T) {
	t.Parallel()
	url := site(t, map[string]http.HandlerFunc{"/": html(barcode + `<script>let n = 0, next;
		requestAnimationFrame(() => { cancelAnimationFrame(next); paint(1) });
		next = requestAnimationFrame(() => paint(2));
		requestAnimationFrame(() => { throw new Error("on purpose") });
		requestAnimationFrame(() => { try { requestAnimationFrame(5) } catch { n = 8 } });
		requestAnimationFrame(() => requestAnimationFrame(() => paint(n + 1)))</script>`)})
	path, _ := shot{pooled: true, url: url, mode: msg.ModeVirtual, frames: 2}.mustTake(t)
	pictures := decode(t, path, msg.FPS(60), 2)
	if first, second := pictures[0].number(), pictures[1].number(); first != 1 || second != 9 {
		t.Errorf("the frames show %d and %d, want 1 and 9", first, second)
	}
}

func TestAStillPageIsStoredOnceByScreenshots(t *testing.T) {
	t.Parallel()
	url := site(t, map[string]http.HandlerFunc{"/": html("<h1>Still</h1>")})
	_, facts := shot{pooled: true, url: url, mode: msg.ModeVirtual, frames: 30}.mustTake(t)
	if facts.Distinct != 1 {
		t.Errorf("%d pictures are stored, want 1", facts.Distinct)
	}
}

// painter is a director that paints, before each frame, the number of the frame by its time.
type painter struct {
	first time.Duration // page time that passed before frame 0
	times []time.Duration
}

func (d *painter) Prepare(_ context.Context, page *rod.Page) error {
	_, err := proto.PageAddScriptToEvaluateOnNewDocument{Source: `globalThis.prepared = true`}.Call(page)
	return err
}

func (d *painter) Ready(ctx context.Context, page *rod.Page, pass capture.Pass) error {
	now := func() (float64, error) {
		reply, err := proto.RuntimeEvaluate{Expression: `prepared && performance.now()`, ReturnByValue: true}.Call(page)
		if err != nil {
			return 0, err
		}
		return reply.Result.Value.Num(), nil
	}
	before, err := now()
	if err != nil {
		return err
	}
	if err := pass(ctx, 200*time.Millisecond); err != nil {
		return err
	}
	after, err := now()
	d.first = time.Duration((after - before) * float64(time.Millisecond))
	return err
}

func (d *painter) Frame(_ context.Context, page *rod.Page, at time.Duration) error {
	d.times = append(d.times, at)
	_, err := proto.RuntimeEvaluate{Expression: fmt.Sprintf("paint(%d)", len(d.times))}.Call(page)
	return err
}

func (d *painter) Due(time.Duration) bool { return true }

func TestTheDirectorDirectsScreenshots(t *testing.T) {
	t.Parallel()
	const frames = 20
	url := site(t, map[string]http.HandlerFunc{"/": html(barcode)})
	d := &painter{}
	path, _ := shot{pooled: true, url: url, mode: msg.ModeVirtual, frames: frames, director: d}.mustTake(t)
	for i, p := range decode(t, path, msg.FPS(60), frames) {
		if p.number() != i+1 {
			t.Fatalf("frame %d shows %d, want %d", i, p.number(), i+1)
		}
		if want := time.Duration(i) * time.Second / 60; (d.times[i] - want).Abs() > time.Millisecond {
			t.Fatalf("frame %d was said to be at %s, want %s", i, d.times[i], want)
		}
	}
	if d.first < 199*time.Millisecond || d.first > 201*time.Millisecond {
		t.Errorf("%s passed, want 200ms", d.first)
	}
}
