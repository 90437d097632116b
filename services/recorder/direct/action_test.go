package direct

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/scene"
	"github.com/loom-lite/loom-lite/services/recorder/capture"
)

// frameOf returns the first frame whose barcode in the row y is n, -1 when none is.
func frameOf(pictures []stagePicture, y, n int) int {
	for i, p := range pictures {
		if p.number(y) == n {
			return i
		}
	}
	return -1
}

func TestAClickIsSeenInTheFrameInWhichItIsDue(t *testing.T) {
	t.Parallel()
	// The handler counts animation frames: a click belongs to the frame, as what scripts draw does.
	// The page is drawn once before frame 0, to be clicked at all.
	body := stageBarcode + `<button style="position:absolute;left:200px;top:100px;width:60px;height:30px"></button><script>
		let n=0;requestAnimationFrame(function f(){n++;requestAnimationFrame(f)});
		document.querySelector("button").onclick=e=>paint(e.isTrusted?1000+n:1)</script>`
	pictures := stagePage(body, 50, scene.Options{Actions: []scene.Action{
		{Do: "click", Selector: "button"},
		{At: stageAt(0.2), Do: "click", Selector: "button"},
		{At: stageAt(0.31), Do: "click", Selector: "nothing, button"},
		{At: stageAt(0.4), Do: "click", Selector: "button", Seconds: 0.35},
	}}).mustTake(t)
	for name, frame := range map[string]int{"in frame 0": 0, "at once": 12, "between frames, by a comma list": 19, "after its way": 45} {
		if got := frameOf(pictures, 10, 1000+1+frame); got != frame {
			t.Errorf("%s: the click is in frame %d, want %d; the last frame shows %d", name, got, frame, pictures[49].number(10))
		}
	}
}

func TestTheMouseMovesInEveryFrameOfItsWay(t *testing.T) {
	t.Parallel()
	// How often and where the page has seen the mouse, told as it sees it: before it draws the
	// frame.
	body := stageBarcode + `<style>b{position:absolute;left:20px;top:120px;width:40px;height:40px;background:#000}b:hover{background:#fff}</style><b></b>
		<script>let n=0,x=0;addEventListener("mousemove",e=>{if(e.clientX+e.clientY){n++;x=e.clientX}}); // Chrome's own, at first, is at 0, 0
		
		requestAnimationFrame(function f(){paint(n*1024+x);requestAnimationFrame(f)})</script>`
	o := scene.Options{Actions: []scene.Action{{At: stageAt(0.1), Do: "hover", Selector: "b", Seconds: 0.5}}}
	pictures := stagePage(body, 45, o).mustTake(t)
	was := 0
	for i, p := range pictures {
		n, x := p.number(10)/1024, p.number(10)%1024
		if want := min(max(i-5, 0), 31); n != want {
			t.Fatalf("in frame %d the mouse has moved %d times, want %d", i, n, want)
		}
		if n > 1 && x > was {
			t.Errorf("in frame %d the mouse goes back from %d to %d", i, was, x)
		}
		was = x
		if lit := p.light(40, 150); lit != (n > 0 && x >= 20 && x < 60 && i >= 30) && i != 36 {
			if i > 36 || !lit && i < 30 {
				t.Errorf("in frame %d the element lies under the mouse: %v", i, lit)
			}
		}
	}
	if was != 40 || !pictures[44].light(40, 150) {
		t.Errorf("the mouse ends at %d, want 40, over the element", was)
	}
}

func TestTwoRunsOfActionsAreEqual(t *testing.T) {
	t.Parallel()
	body := stageBarcode + `<style>body{color:#fff}div{height:900px}</style><input><div></div><button>Yes</button><script>
		let n=0;for(const e of ["mousedown","mouseup","click","keydown","input","scroll","focus"])document.addEventListener(e,()=>paint(++n),true);
		// not Chrome's own, at 0, 0, nor the window's focus
		addEventListener("mousemove",e=>{if(e.clientX+e.clientY)paint(++n)})</script>`
	shot := stagePage(body, 50, scene.Options{Cursor: true, Actions: []scene.Action{
		{At: stageAt(0.1), Do: "click", Selector: "input", Seconds: 0.1},
		{Do: "type", Text: "loom", Seconds: 0.2},
		{Do: "click", Selector: "button", Seconds: 0.2},
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
}

func TestTextIsTypedKeyByKeyAtItsTime(t *testing.T) {
	t.Parallel()
	// The barcode is the text's length; the bar below is lit when all is right.
	const typed = "Ab 1é\U0001F44D\U0001F3FD"
	check := `<script>const keys=[];let text=()=>field.value??field.textContent;
		addEventListener("keydown",e=>keys.push(e.key+(e.shiftKey?"+":"")+e.code),true);
		requestAnimationFrame(function f(){paint([...text()].length);
			document.querySelector("u").style.background=text()==="` + typed + `"&&keys.join()==="A+KeyA,bKeyB, Space,1Digit1"?"#fff":"#000";
			requestAnimationFrame(f)})</script>`
	bar := `<u style="position:absolute;left:0;top:140px;width:320px;height:40px"></u>`
	for name, field := range map[string]string{
		"an input":            `<input id=field>`,
		"a text area":         `<textarea id=field></textarea>`,
		"a rich text":         `<p id=field contenteditable style="min-height:1em"></p>`,
		"a label's input":     `<label id=l>Name <input id=field></label>`,
		"a frame of an input": `<div id=l><input id=field></div>`,
		// As React does: the value is the program's, the page's own is put back.
		"a controlled input": `<input id=field><script>let state="";const set=Object.getOwnPropertyDescriptor(HTMLInputElement.prototype,"value").set;
			addEventListener("input",e=>{state=e.target.value;set.call(field,state)})</script>`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			selector := "#field"
			if strings.Contains(field, "id=l") {
				selector = "#l"
			}
			o := scene.Options{Actions: []scene.Action{{At: stageAt(0.1), Do: "type", Selector: selector, Text: typed, Seconds: 0.3}}}
			pictures := stagePage(stageBarcode+bar+`<div style="padding-top:40px;color:#fff">`+field+`</div>`+check, 28, o).mustTake(t)
			for i, p := range pictures {
				want := 0
				if i >= 8 {
					// six strokes, one every three frames, in the middle of its share
					want = min((i-8)/3+1, 6)
				}
				if want == 6 {
					want = 7 // the last is of two
				}
				if got := p.number(10); got != want {
					t.Fatalf("in frame %d there are %d characters, want %d", i, got, want)
				}
			}
			if !pictures[27].light(160, 160) {
				t.Error("the page saw other keys, or another text")
			}
		})
	}
}

func TestKeysArePressed(t *testing.T) {
	t.Parallel()
	body := stageBarcode + `<form><input style="margin-top:40px" value=12></form><script>
		const input=document.querySelector("input");
		addEventListener("keydown",e=>{if(e.key==="Escape"&&e.keyCode===27)paint(4711)});
		document.querySelector("form").onsubmit=e=>{e.preventDefault();paint(+input.value)}</script>`
	pictures := stagePage(body, 40, scene.Options{Actions: []scene.Action{
		{At: stageAt(0.1), Do: "press", Key: "Escape"},
		{At: stageAt(0.2), Do: "press", Key: "Backspace", Selector: "input"},
		{Do: "press", Key: "9"},
		{At: stageAt(0.3), Do: "press", Key: "Enter"},
	}}).mustTake(t)
	for n, want := range map[int]int{4711: 6, 19: 18} {
		if got := frameOf(pictures, 10, n); got != want {
			t.Errorf("%d is shown from frame %d on, want %d", n, got, want)
		}
	}
}

func TestWhatIsOffTheScreenIsScrolledToBeforeItIsClicked(t *testing.T) {
	t.Parallel()
	const click = `onclick="paint(1000+Math.round(scrollY))"`
	for name, test := range map[string]struct {
		body string
		want int
	}{
		"down the page": {`<div style="height:800px"></div><button style="display:block;height:40px" ` + click + `>x</button><div style="height:800px"></div>`,
			1000 + 800 + 20 - stageHeight/2},
		"in a box": {`<div style="height:600px"></div><div style="height:100px;width:100px;overflow:auto"><div style="height:500px"></div>
			<button style="display:block;height:40px" ` + click + `>x</button><div style="height:500px"></div></div><div style="height:800px"></div>`,
			1000 + 600 + 50 - stageHeight/2},
		"what is on the screen stays there": {`<div style="height:100px"></div><button style="display:block" ` + click + `>x</button><div style="height:800px"></div>`, 1000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pictures := stagePage(stageBarcode+test.body, 24, scene.Options{Actions: []scene.Action{
				{At: stageAt(0.1), Do: "click", Selector: "button", Seconds: 0.2},
			}}).mustTake(t)
			if got := frameOf(pictures, 10, test.want); got != 18 {
				t.Errorf("%d is shown from frame %d on, want 18; the last frame shows %d", test.want, got, pictures[23].number(10))
			}
		})
	}
}

func TestTheScrollActionScrollsInItsTime(t *testing.T) {
	t.Parallel()
	pictures := stagePage(stageStyle+stageStripes(0, 60), 36, scene.Options{Actions: []scene.Action{
		{At: stageAt(0.1), Do: "scroll", Selector: "#s20", Seconds: 0.25},
		{Do: "wait", Seconds: 0.1},
		{Do: "scroll", Y: 100},
	}}).mustTake(t)
	for i, p := range pictures {
		want := 400 * ease("ease-in-out", min(max((stageFrame(i).Seconds()-0.1)/0.25, 0), 1))
		if i >= 27 {
			want = 100
		}
		near(t, i, p.scrolled(0), want)
	}
}

func TestAClickReachesIntoAFrame(t *testing.T) {
	t.Parallel()
	inner := `<button style="position:absolute;left:0;top:0;width:100%;height:100%"></button><script>
		document.querySelector("button").onclick=()=>parent.postMessage(0,"*")</script>`
	shot := stagePage(stageBarcode+`<iframe src=/inner style="position:absolute;left:50px;top:60px;width:100px;height:80px"></iframe>
		<script>onmessage=()=>paint(7)</script>`, 30, scene.Options{Actions: []scene.Action{{At: stageAt(0.2), Do: "click", Selector: "iframe"}}})
	shot.pages["/inner"] = inner
	// the message is a task of its own
	if got := frameOf(shot.mustTake(t), 10, 7); got < 12 || got > 13 {
		t.Errorf("the frame was clicked in frame %d, want 12", got)
	}
}

// A page that is laid out twice as wide as the window, and shown half as large.
func TestAClickMeetsWhatIsShownSmaller(t *testing.T) {
	t.Parallel()
	shot := stagePage(stageBarcode+`<meta name=viewport content="width=640"><button style="position:absolute;left:500px;top:280px;width:60px;height:30px;opacity:0"></button>
		<script>document.querySelector("button").onclick=()=>{for(const c of cells)c.style.background="#fff"}</script>`, 45,
		scene.Options{Cursor: true, Actions: []scene.Action{{At: stageAt(0.2), Do: "click", Selector: "button", Seconds: 0.1}}})
	shot.phone = true
	pictures := shot.mustTake(t)
	if pictures[17].light(100, 5) || !pictures[18].light(100, 5) {
		t.Error("the click is not in frame 18")
	}
	if lit(pictures[44], 265, 147) < 20 {
		t.Error("the pointer is not where the click was")
	}
}

func TestWhatIsNotThereAtOnceIsLookedForAgain(t *testing.T) {
	t.Parallel()
	pictures := stagePage(stageBarcode+`<script>setTimeout(()=>{
		const b=document.createElement("button");b.style="position:absolute;top:60px;left:40px";b.onclick=()=>paint(7);document.body.append(b)},500)</script>`,
		60, scene.Options{Actions: []scene.Action{{At: stageAt(0.1), Do: "click", Selector: "button"}, {Do: "press", Key: "x"}}}).mustTake(t)
	if got := frameOf(pictures, 10, 7); got < 30 || got > 31 {
		t.Errorf("it was clicked in frame %d, want 30 when it was there", got)
	}
}

func TestActionsGoOnInTheNextDocument(t *testing.T) {
	t.Parallel()
	for name, leads := range map[string]string{
		"of the same site": `link.href="/next"`,
		// whose process is another
		"of another site": `link.href="http://localhost:"+location.port+"/next"`,
		"in another tab":  `link.href="/next";link.target="_blank"`,
		"by a script":     `link.onclick=()=>{location="/next"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shot := stagePage(stageBarcode+`<a style="position:absolute;left:40px;top:80px;width:80px;height:40px"></a><script>
				const link=document.querySelector("a");`+leads+`</script>`, 42, scene.Options{Cursor: true, Actions: []scene.Action{
				{At: stageAt(0.1), Do: "click", Selector: "a"},
				{At: stageAt(0.15), Do: "click", Selector: "button", Seconds: 0.35},
				{Do: "type", Text: "x"},
			}})
			shot.pages["/next"] = stageBarcode + `<button style="position:absolute;left:200px;top:100px;width:60px;height:30px;opacity:0"></button>
				<script>let n=0;document.querySelector("button").onclick=()=>n=7;addEventListener("keydown",()=>paint(n))</script>`
			pictures := shot.mustTake(t)
			if got := frameOf(pictures, 10, 7); got != 30 {
				t.Errorf("the click and the key are in frame %d, want 30", got)
			}
			if lit(pictures[41], 230, 115) < 20 {
				t.Error("there is no pointer in the next document")
			}
		})
	}
}

// Chrome shows some things in windows of its own, and waits in others: none of them stops the
// scene, one after the other, as soon as there is another to click.
func TestClicksThatOpenSomethingDoNotStopTheScene(t *testing.T) {
	t.Parallel()
	opensAndGoesOn(t, stageBarcode, scene.Options{Cursor: true}, []opener{
		{"a list, with a key", `<select autofocus><option>One<option>Two</select><button id=b onmousedown="event.preventDefault()">x</button>`},
		{"a list", `<select id=b><option>One<option>Two</select>`},
		{"a list in a frame", `<iframe id=b srcdoc="<body style='margin:0' onpointerdown='parent.reached++'><select style='width:60px;height:30px'><option>1<option>2</select>" style="width:60px;height:30px;border:0"></iframe>`},
		{"a calendar", `<input id=b type=date style="width:14px;overflow:hidden;direction:rtl">`},
		{"a colour", `<input id=b type=color>`},
		{"a file", `<input id=b type=file style="width:60px">`},
		{"a dialog", `<button id=b onclick="alert(1)">x</button>`},
		{"a question", `<button id=b onclick="confirm(1)">x</button>`},
		{"another window", `<button id=b onclick="window.open('/')">x</button>`},
		{"a print", `<button id=b onclick="print()">x</button>`},
		{"the fullscreen", `<button id=b onclick="document.documentElement.requestFullscreen()">x</button>`},
	})
}

// opener is HTML whose element #b opens something when it is clicked.
type opener struct{ opens, html string }

// opensAndGoesOn clicks each opener of a page, three frames on its way, and then presses a key
// for what has opened. Every frame must show how often the page was drawn, which head paints, and
// the last ones of an opener that it was reached: what still lies open may take a click for itself.
func opensAndGoesOn(t *testing.T, head string, o scene.Options, openers []opener) {
	t.Helper()
	const each = 15 // frames
	body := head
	for i, opener := range openers {
		body += fmt.Sprintf(`<div style="position:absolute;left:%dpx;top:%dpx">%s</div>`,
			4+80*(i%4), 40+46*(i/4), strings.ReplaceAll(opener.html, "id=b", fmt.Sprintf("id=b%d", i)))
		at := float64(each*i+3) / 60
		o.Actions = append(o.Actions,
			scene.Action{At: stageAt(at), Do: "click", Selector: fmt.Sprintf("#b%d", i), Seconds: 0.05}, scene.Action{At: stageAt(at + 0.1), Do: "press", Key: " "})
	}
	body += `<script>var reached=0;addEventListener("pointerdown",e=>{if(e.target.closest("[id^=b]"))reached++},true);
		let n=0;requestAnimationFrame(function f(){paint(256*reached+ ++n);requestAnimationFrame(f)})</script>`
	for i, p := range stagePage(body, each*len(openers), o).mustTake(t) {
		opener := i / each
		if got := p.number(10) % 256; got != i+1 {
			t.Errorf("%s: frame %d shows animation frame %d", openers[opener].opens, i, got)
		}
		if got := p.number(10) / 256; i%each == each-1 && got != opener+1 {
			t.Errorf("%s: by frame %d, %d were reached, want %d", openers[opener].opens, i, got, opener+1)
		}
	}
}

// A bad page must not get the better of an action's bound.
func TestActionsThatCannotBeDoneSayWhy(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		body   string
		option scene.Options
		want   ActionError
	}{
		"nothing is found": {"<p>x</p>", scene.Options{Actions: []scene.Action{{Do: "wait", Seconds: 0.1}, {Do: "click", Selector: "#none"}}},
			ActionError{2, "click", ReasonAbsent}},
		"no selector": {"<p>x</p>", scene.Options{Actions: []scene.Action{{Do: "hover", Selector: "p["}}}, ActionError{1, "hover", ReasonSelector}},
		"not visible": {"<p style=display:none>x</p>", scene.Options{Actions: []scene.Action{{Do: "click", Selector: "p"}}}, ActionError{1, "click", ReasonHidden}},
		"off the screen": {"<p style=position:fixed;left:-500px;width:10px>x</p>", scene.Options{Actions: []scene.Action{{Do: "click", Selector: "p"}}},
			ActionError{1, "click", ReasonOutside}},
		"no place for text":   {"<p>x</p>", scene.Options{Actions: []scene.Action{{Do: "type", Text: "secret", Selector: "p"}}}, ActionError{1, "type", ReasonClosed}},
		"a scroll to nothing": {"<p>x</p>", scene.Options{Scroll: &scene.Scroll{To: "#none"}}, ActionError{0, "scroll", ReasonAbsent}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pictures, err := stagePage(test.body, 90, test.option).take(t)
			var page *capture.PageError
			var action *ActionError
			if !errors.As(err, &page) || !errors.As(err, &action) || page.Code != msg.CodeSceneAction || !page.Permanent {
				t.Fatalf("capture returned %v after %d frames", err, len(pictures))
			}
			if *action != test.want {
				t.Errorf("%+v, want %+v", *action, test.want)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the text is in the error: %v", err)
			}
		})
	}
}

// lit counts the pixels of the pointer's rim around x, y: on a black page, nothing else is light.
func lit(p stagePicture, x, y int) (n int) {
	for dy := -4; dy < 28; dy++ {
		for dx := -4; dx < 20; dx++ {
			if x+dx >= 0 && x+dx < stageWidth && y+dy >= 0 && y+dy < stageHeight && p.light(x+dx, y+dy) {
				n++
			}
		}
	}
	return n
}

func TestThePointerIsDrawnWhereTheMouseIs(t *testing.T) {
	t.Parallel()
	button := `<button id=b style="position:absolute;left:40px;top:80px;width:60px;height:30px;opacity:0"></button>`
	hostile := `<style>*,loom-pointer{display:none!important;transform:scale(0)!important;opacity:0!important;animation:none!important}
		html,body,#b,script,i{display:block!important;transform:none!important;opacity:1!important}#b{background:#000;border:0}</style>`
	home := func(pictures []stagePicture) int { return lit(pictures[0], stageWidth*62/100, stageHeight*72/100) }
	for name, test := range map[string]struct {
		body   string
		header http.Header
	}{
		"on a plain page":                       {body: button},
		"on a page whose styles are against it": {body: hostile + button},
		"on a page with a strict policy":        {body: button, header: http.Header{"Content-Security-Policy": {"default-src 'none'; style-src 'unsafe-inline'"}}},
		"on a page that is scrolled":            {body: `<style>#b{position:fixed!important}</style>` + button + `<div style="height:900px"></div>`},
		"above a dialog": {body: `<style>dialog,::backdrop{background:#000;border:0}</style>` + button + `<dialog style="width:300px;height:160px;top:0"></dialog>
			<script>setTimeout(()=>document.querySelector("dialog").showModal(),250)</script>`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shot := stagePage(`<style>body{background:#000}</style>`+test.body, 36, scene.Options{
				Cursor: true, Scroll: &scene.Scroll{To: "100", Seconds: 0.1},
				Actions: []scene.Action{{At: stageAt(0.12), Do: "hover", Selector: "#b", Seconds: 0.18}},
			})
			shot.header = test.header
			pictures := shot.mustTake(t)
			rim := home(pictures)
			if rim < 20 {
				t.Fatalf("in frame 0 there are %d light pixels where the pointer should be", rim)
			}
			for _, i := range []int{18, 27, 35} {
				if at := lit(pictures[i], 70, 95); at < rim-12 || at > rim+12 {
					t.Errorf("in frame %d there are %d light pixels over the element, want about %d", i, at, rim)
				}
			}
			if left := home(pictures[35:]); left != 0 {
				t.Errorf("%d light pixels stay where the pointer was", left)
			}
		})
	}
}

func TestAClicksRingLastsItsTime(t *testing.T) {
	t.Parallel()
	pictures := stagePage(`<style>body{background:#000}button{position:absolute;left:40px;top:80px;width:60px;height:30px;opacity:0}</style><button></button>`,
		60, scene.Options{Cursor: true, Actions: []scene.Action{{At: stageAt(0.2), Do: "click", Selector: "button"}}}).mustTake(t)
	still := pictures[45]
	for i := 13; i < 36; i++ { // from the frame after the click on, 0.4 s
		if bytes.Equal(pictures[i].jpeg, pictures[i-1].jpeg) || bytes.Equal(pictures[i].jpeg, still.jpeg) {
			t.Errorf("in frame %d there is no ring", i)
		}
	}
	for i := 36; i < 60; i++ {
		if !bytes.Equal(pictures[i].jpeg, still.jpeg) {
			t.Errorf("in frame %d the picture is not still", i)
		}
	}
}

// The page leaves by itself when nothing is due: the pointer is in the new document all the same.
func TestThePointerSurvivesANavigation(t *testing.T) {
	t.Parallel()
	const black = `<style>body{background:#000}button{position:absolute;left:40px;top:80px;width:60px;height:30px;opacity:0}</style>`
	shot := stagePage(black+`<button></button><script>setTimeout(()=>{location="/next"},700)</script>`, 70,
		scene.Options{Cursor: true, Actions: []scene.Action{{At: stageAt(0.1), Do: "hover", Selector: "button", Seconds: 0.3}}})
	shot.pages["/next"] = black + `<i style="position:absolute;left:300px;top:160px;width:20px;height:20px;background:#fff"></i>`
	pictures := shot.mustTake(t)
	if !pictures[69].light(310, 170) {
		t.Fatal("the page did not go on")
	}
	if there, before := lit(pictures[69], 70, 95), lit(pictures[35], 70, 95); there < 20 || there < before-12 || there > before+12 {
		t.Errorf("there are %d light pixels in the next document, want about %d", there, before)
	}
}
