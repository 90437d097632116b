package direct

import (
	"bytes"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/scene"
)

// phone is a page for phones.
const phone = `<meta name=viewport content="width=device-width">`

// desk is a page, after stageBarcode, that is laid out for a desk, twice as wide as the window. It
// can be zoomed: a phone waits for a second tap after each.
const desk = `<meta name=viewport content="width=640"><style>i{width:40px;height:40px}</style><script>cells.forEach((c,b)=>c.style.left=40*b+"px")</script>`

// felt declares told: what a page's scripts see of a pointer, in order, and how often the page had
// been drawn by then.
const felt = `<script>let n=0;const told=[];requestAnimationFrame(function f(){n++;requestAnimationFrame(f)});
	for(const e of ["pointerdown","pointermove","pointerup","pointercancel","mousemove","mousedown","mouseup","click","dblclick","contextmenu","wheel","keydown","keypress","keyup","input"])
		addEventListener(e,v=>{if(v.isTrusted)told.push(v.type+(v.pointerType?":"+v.pointerType:""))},true)</script>`

// feltTouches has told know of touches, too. A page that listens to these is another for Chrome.
const feltTouches = felt + `<script>for(const e of ["touchstart","touchmove","touchend","touchcancel"])
	addEventListener(e,v=>{told.push(v.type)},{capture:true,passive:false})</script>`

// tapped is a button. It paints 1000 and how often the page was drawn when it is clicked, if the
// page was told want by then, else 1.
func tapped(want string) string {
	return `<button style="position:absolute;left:200px;top:100px;width:60px;height:30px"></button><script>
		document.querySelector("button").onclick=()=>paint(told.join(" ")==="` + want + `"?1000+n:1)</script>`
}

const (
	tapUnfelt = "pointerdown:touch pointerup:touch mousemove mousedown mouseup click:touch"
	tapFelt   = "pointerdown:touch touchstart pointerup:touch touchend mousemove mousedown mouseup click:touch"
)

func TestATapIsSeenInTheFrameInWhichItIsDue(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"on a page that listens to touches": phone + feltTouches + tapped(tapFelt),
		"on a page that does not":           phone + felt + tapped(tapUnfelt),
		"on one that can be zoomed":         desk + felt + tapped(tapUnfelt),
		"on one that can, and listens":      desk + feltTouches + tapped(tapFelt),
		"on one that wants to wait":         desk + `<style>html{touch-action:auto!important}</style>` + felt + tapped(tapUnfelt),
		"on one that scrolls by itself":     desk + `<style>*{touch-action:none}</style>` + felt + tapped(tapUnfelt),
		"on one that listens in peace":      phone + felt + `<script>addEventListener("touchstart",()=>{},{passive:true})</script>` + tapped(tapUnfelt),
		"on one that is slow to feel it":    desk + feltTouches + `<script>addEventListener("touchstart",()=>{for(let i=0;i<4e8;i++);})</script>` + tapped(tapFelt),
		"on one that answers with its touch": desk + felt + `<button style="position:absolute;left:200px;top:100px;width:60px;height:30px"></button><script>
			document.querySelector("button").ontouchend=()=>paint(1000+n)</script>`,
		"on one that keeps the click from itself": desk + felt + tapped("none of it") + `<script>const b=document.querySelector("button");
			b.addEventListener("touchstart",e=>e.preventDefault(),{passive:false});b.addEventListener("touchend",()=>paint(1000+n))</script>`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const due = 12 // and the page has been drawn as often by then, as for a click
			pictures := stagePage(stageBarcode+body, 22, scene.Options{Mobile: true, Actions: []scene.Action{
				{At: stageAt(0.2), Do: "click", Selector: "button"},
			}}).mustTake(t)
			if got := frameOf(pictures, 10, 1000+due); got != due {
				t.Errorf("the tap is in frame %d, want %d", got, due)
			}
			if last := pictures[21].number(10); last != 1000+due {
				t.Errorf("the last frame shows %d, want %d", last, 1000+due)
			}
		})
	}
}

func TestTapsAreSeenInTheirFramesWhenTheyBeginOrHaveAWay(t *testing.T) {
	t.Parallel()
	body := stageBarcode + desk + felt + tapped(tapUnfelt) + `<script>document.querySelector("button").addEventListener("click",()=>{told.length=0})</script>`
	pictures := stagePage(body, 50, scene.Options{Mobile: true, Actions: []scene.Action{
		{Do: "click", Selector: "button"},
		{At: stageAt(0.31), Do: "click", Selector: "button"},
		{At: stageAt(0.4), Do: "click", Selector: "button", Seconds: 0.35},
	}}).mustTake(t)
	// The page is drawn once before frame 0.
	for name, frame := range map[string]int{"in frame 0": 0, "between frames": 19, "after its way": 45} {
		if got := frameOf(pictures, 10, 1000+1+frame); got != frame {
			t.Errorf("%s: the tap is in frame %d, want %d; the last frame shows %d", name, got, frame, pictures[49].number(10))
		}
	}
}

// Two taps are two clicks, however soon, and not what a page is zoomed with.
func TestTwoRunsOfTapsAreEqual(t *testing.T) {
	t.Parallel()
	body := phone + stageBarcode + feltTouches + `<button style="position:absolute;left:200px;top:100px;width:60px;height:30px"></button><div style="height:900px"></div>
		<input style="display:block;width:80px;height:30px"><script>let clicks=0;
		document.querySelector("button").onclick=()=>clicks++;requestAnimationFrame(function f(){paint(told.length*1024+clicks);requestAnimationFrame(f)})</script>`
	shot := stagePage(body, 50, scene.Options{Mobile: true, Cursor: true, Actions: []scene.Action{
		{At: stageAt(0.1), Do: "click", Selector: "button"}, {Do: "click", Selector: "button"}, {At: stageAt(0.2), Do: "click", Selector: "button"},
		{Do: "click", Selector: "input", Seconds: 0.2},
		{Do: "type", Text: "loom", Seconds: 0.2},
	}})
	shot.unpooled = true
	one, two := shot.mustTake(t), shot.mustTake(t)
	for i := range one {
		if one[i].number(10) != two[i].number(10) {
			t.Fatalf("frame %d: %d events in one run, %d in the other", i, one[i].number(10), two[i].number(10))
		}
		if !bytes.Equal(one[i].jpeg, two[i].jpeg) {
			t.Fatalf("frame %d differs between two runs", i)
		}
	}
	for i, want := range map[int]int{5: 0, 6: 2, 11: 2, 12: 3, 49: 3} {
		if got := one[i].number(10) % 1024; got != want {
			t.Errorf("frame %d shows %d clicks, want %d", i, got, want)
		}
	}
	// four taps and four keys, each pressed, typed, put in and let go
	if events := one[49].number(10) / 1024; events != 4*8+4*4 {
		t.Errorf("the page saw %d events", events)
	}
}

func TestATapGoesOnInTheNextDocument(t *testing.T) {
	t.Parallel()
	for name, leads := range map[string]string{
		"of the same site": `link.href="/next"`,
		// whose process is another
		"of another site":     `link.href="http://localhost:"+location.port+"/next"`,
		"in another tab":      `link.href="/next";link.target="_blank"`,
		"by a script":         `link.onclick=()=>{location="/next"}`,
		"at the first touch":  `link.ontouchstart=()=>{location="/next"}`,
		"at the touch's end":  `link.ontouchend=()=>{location="/next"}`,
		"by a touch it keeps": `link.addEventListener("touchend",e=>{e.preventDefault();location="/next"})`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shot := stagePage(phone+stageBarcode+`<a style="position:absolute;left:40px;top:80px;width:80px;height:40px"></a><script>
				const link=document.querySelector("a");`+leads+`</script>`, 42, scene.Options{Mobile: true, Actions: []scene.Action{
				{At: stageAt(0.1), Do: "click", Selector: "a"},
				{At: stageAt(0.15), Do: "click", Selector: "button", Seconds: 0.35},
				{Do: "type", Text: "x"},
			}})
			shot.pages["/next"] = phone + stageBarcode + felt + `<button style="position:absolute;left:200px;top:100px;width:60px;height:30px;opacity:0"></button>
				<script>let c=0;document.querySelector("button").onclick=()=>c=told.join(" ")==="` + tapUnfelt + `"?7:6;addEventListener("keydown",()=>paint(c))</script>`
			pictures := shot.mustTake(t)
			if got := frameOf(pictures, 10, 7); got != 30 {
				t.Errorf("the tap and the key are in frame %d, want 30; the last shows %d", got, pictures[41].number(10))
			}
		})
	}
}

func TestATapReachesIntoAFrame(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"of a page for phones": phone, "of one that can be zoomed": "", "of one that is made smaller": `<meta name=viewport content="width=640">`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shot := stagePage(stageBarcode+body+`<iframe src=/inner style="position:absolute;left:50px;top:60px;width:100px;height:80px"></iframe>
				<script>onmessage=e=>{for(const c of cells)c.style.cssText+=";height:40px;background:"+(e.data==="touch"?"#fff":"#000")}</script>`, 16,
				scene.Options{Mobile: true, Actions: []scene.Action{{At: stageAt(0.2), Do: "click", Selector: "iframe"}}})
			shot.pages["/inner"] = `<button style="position:absolute;left:0;top:0;width:100%;height:100%"></button><script>
				document.querySelector("button").onclick=e=>parent.postMessage(e.pointerType,"*")</script>`
			// the message is a task of its own
			if pictures := shot.mustTake(t); pictures[11].light(5, 5) || !pictures[13].light(5, 5) {
				t.Error("the frame was not tapped in frame 12")
			}
		})
	}
}

func TestTapsThatOpenSomethingDoNotStopTheScene(t *testing.T) {
	t.Parallel()
	opensAndGoesOn(t, phone+stageBarcode, scene.Options{Mobile: true, Cursor: true}, []opener{
		{"a list", `<select id=b><option>One<option>Two</select>`},
		{"a list in a frame", `<iframe id=b srcdoc="<body style='margin:0' onpointerdown='parent.reached++'><select style='width:60px;height:30px'><option>1<option>2</select>" style="width:60px;height:30px;border:0"></iframe>`},
		{"a calendar", `<input id=b type=date style="width:14px;overflow:hidden;direction:rtl">`},
		{"a colour", `<input id=b type=color>`},
		{"a dialog", `<button id=b onclick="alert(1)">x</button>`},
		{"a touch's dialog", `<button id=b ontouchstart="alert(1)">x</button>`},
		{"another window", `<button id=b onclick="window.open('/')">x</button>`},
		{"the fullscreen", `<button id=b onclick="document.documentElement.requestFullscreen()">x</button>`},
	})
}

func TestAFingerIsSeenWhereItTapsAlone(t *testing.T) {
	t.Parallel()
	pictures := stagePage(phone+`<style>body{background:#000}button{position:absolute;left:40px;top:80px;width:60px;height:30px;opacity:0}</style><button></button>`,
		60, scene.Options{Mobile: true, Cursor: true, Actions: []scene.Action{{At: stageAt(0.1), Do: "click", Selector: "button", Seconds: 0.1}}}).mustTake(t)
	still := pictures[0]
	for i, p := range pictures {
		// from the frame after the tap on, 0.4 s
		if seen := i > 12 && i < 36; bytes.Equal(p.jpeg, still.jpeg) == seen {
			t.Errorf("in frame %d a finger is seen: %v", i, !seen)
		}
	}
	if lit(pictures[14], 70, 95) == 0 {
		t.Error("there is no ring where the tap was")
	}
	for y := range stageHeight {
		for x := range stageWidth {
			if still.light(x, y) {
				t.Fatalf("something is drawn at %d, %d without a tap", x, y)
			}
		}
	}
}

// Styles for pointers that hover do not hold on a phone, and no mouse comes to it.
func TestAHoverOnAPhoneIsAWarning(t *testing.T) {
	t.Parallel()
	var warned []msg.Warning
	shot := stagePage(phone+stageBarcode+felt+`<style>b{position:absolute;left:20px;top:900px;width:40px;height:40px;background:#000}b:hover{background:#fff}
		div{height:1200px}</style><b></b><div></div><script>requestAnimationFrame(function f(){paint(Math.round(scrollY)+(told.length?4096:0));requestAnimationFrame(f)})</script>`,
		30, scene.Options{Mobile: true, Cursor: true, Actions: []scene.Action{{Do: "hover", Selector: "b", Seconds: 0.2}, {Do: "hover", Selector: "b"}}})
	shot.warned = &warned
	pictures := shot.mustTake(t)
	if got := pictures[29].number(10); got != 900+20-stageHeight/2 {
		t.Errorf("the page is scrolled to %d, and past 4096 was told of a pointer", got)
	}
	if pictures[29].light(40, 90) {
		t.Error("something hovers over the element")
	}
	if len(warned) != 1 || warned[0].Code != msg.CodeSceneHover || warned[0].Scene != 1 || !strings.Contains(warned[0].Message, "action 1 (hover) and 1 more did nothing") {
		t.Errorf("warnings are %+v", warned)
	}
}
