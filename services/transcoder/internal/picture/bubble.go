package picture

import (
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/bubble"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/facecam"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/tonemap"
)

// Files in the task's folder.
const (
	plateFile   = "plate.png"
	maskFile    = "mask.png"
	coloursFile = "colours.cube"
)

// Bubble is a facecam in its bubble, as a segment shows it.
type Bubble struct {
	facecam.Picture
	// Place is where and when it is shown.
	Place msg.Bubble
}

// Prepare draws the pictures that the filters need into dir.
func (b Bubble) Prepare(dir string, pictures *bubble.Pictures) error {
	if curve := tonemap.CurveOf(b.Stream.Transfer); curve != 0 {
		if err := tonemap.Write(filepath.Join(dir, coloursFile), curve); err != nil {
			return err
		}
	}
	pad := bubble.Pad(b.Place)
	return pictures.Write(bubble.Of(b.Place).Boxed(pad), b.Place.Width+2*pad, b.Place.Height+2*pad,
		filepath.Join(dir, plateFile), filepath.Join(dir, maskFile))
}

// Animation returns what ffmpeg reads from stdin: the moving bubble's pictures. It is nil when the
// bubble does not move in a segment.
func (b Bubble) Animation(p msg.NormalizeParams) io.Reader {
	moving := bubble.Moving(b.Place, b.phases(p), p.Width, p.Height)
	if len(moving) == 0 {
		return nil
	}
	return &bubble.Animation{Shapes: moving, Width: p.Width, Height: p.Height}
}

func (b Bubble) phases(p msg.NormalizeParams) []bubble.Phase {
	return bubble.Phases(b.Place.Fullscreen, p.FirstFrame, p.Frames)
}

// inputs returns the options that open the facecam, the plate and the mask, as inputs 1 to 3, and
// for a bubble that moves its animation, from stdin, as input 4.
func (b Bubble) inputs(p msg.NormalizeParams) []string {
	args := slices.Concat(b.Input(),
		ffmpeg.Input(plateFile, "png_pipe", "-f", "png_pipe"), ffmpeg.Input(maskFile, "png_pipe", "-f", "png_pipe"))
	if b.moves(p) {
		args = append(args, "-protocol_whitelist", "pipe", "-format_whitelist", "rawvideo", "-f", "rawvideo", "-pix_fmt", "rgba",
			"-video_size", fmt.Sprintf("%dx%d", p.Width, 2*p.Height), "-framerate", p.Rate.String(),
			// These pictures are large, and drawn as fast as they are read.
			"-thread_queue_size", "1", "-i", "pipe:0")
	}
	return args
}

// AloneArgs is the command line that decodes a segment's slice of the facecam and nothing else, at
// the bubble's size and in the video's colours.
func (b Bubble) AloneArgs(p msg.NormalizeParams) []string {
	width, height := cover(b.Stream.Width, b.Stream.Height, b.Place.Width, b.Place.Height)
	args := append(ffmpeg.Global("error"), "-copyts")
	args = append(args, b.Input()...)
	return append(args,
		"-filter_complex", "[0:"+strconv.Itoa(b.Stream.Index)+"]"+b.Frames(p.Rate, p.FirstFrame, p.Frames)+","+
			facecamToBT709(b.Stream, width, height)+"[out]",
		"-map", "[out]", "-fps_mode", "passthrough", "-f", "null", "-")
}

// count returns how many inputs there are.
func (b Bubble) count(p msg.NormalizeParams) int {
	if b.moves(p) {
		return 4
	}
	return 3
}

// moves reports whether the bubble moves in a segment.
func (b Bubble) moves(p msg.NormalizeParams) bool {
	return slices.ContainsFunc(b.phases(p), func(s bubble.Phase) bool { return s.Action == bubble.Move })
}

// over returns the chains of filters that lay the facecam over [scene]. The last one's output has
// no label yet.
func (b Bubble) over(p msg.NormalizeParams) []string {
	facecam := fmt.Sprintf("[1:%d]", b.Stream.Index) + b.Frames(p.Rate, p.FirstFrame, p.Frames) + "[facecam]"
	const plate, mask = "[2:v]" + drawnToBT709, "[3:v]format=gray"
	list := b.phases(p)
	if len(list) == 1 && list[0].Action == bubble.Rest {
		return append([]string{facecam, plate + "[plate]", mask + "[mask]"}, b.rest("")...)
	}
	// Each phase has chains of its own, and concat joins them: what one phase needs costs the
	// others nothing. No picture may reach a phase before its turn: FFmpeg would fetch all of the
	// phase's other inputs, and keep what it reads until then. of holds the phases of each action.
	var all []int
	of := map[bubble.Action][]int{}
	for i, one := range list {
		all, of[one.Action] = append(all, i), append(of[one.Action], i)
	}
	chains := []string{facecam, fork("[scene]", "whole", all), fork("[facecam]", "face", all)}
	if here := of[bubble.Rest]; len(here) > 0 {
		chains = append(chains, fork(plate+repeated(p.Rate), "ring", here), fork(mask+repeated(p.Rate), "disk", here))
	}
	if here := of[bubble.Move]; len(here) > 0 {
		chains = append(chains, fork("[4:v]", "reel", here))
	}
	drawn, joined := 0, "" // frames of the animation that are used up
	for i, one := range list {
		n := strconv.Itoa(i)
		name, here := named(n), cut(one.From, one.To)
		chains = append(chains, ffmpeg.Chain(name("whole"), name("scene"), here), ffmpeg.Chain(name("face"), name("facecam"), here))
		var made []string
		switch one.Action {
		case bubble.Rest:
			chains = append(chains, ffmpeg.Chain(name("ring"), name("plate"), here), ffmpeg.Chain(name("disk"), name("mask"), here))
			made = b.rest(n)
		case bubble.Move:
			drawn++ // the empty frame before it
			chains = append(chains, ffmpeg.Chain(name("reel"), name("film"), cut(drawn, drawn+one.To-one.From)))
			drawn += one.To - one.From
			made = b.move(n, one, p)
		case bubble.Fill:
			made = b.fill(n, p)
		}
		made[len(made)-1] += name("phase")
		chains, joined = append(chains, made...), joined+name("phase")
	}
	// concat computes lengths from time stamps, and a single frame has no length, so all time
	// stamps are set again. fps: encoders of FFmpeg 7 need to know how long a frame lasts.
	return append(chains, fmt.Sprintf("%sconcat=n=%d:v=1:a=0,settb=%d/%d,setpts=N,fps=%s", joined, len(list), p.Rate.Den, p.Rate.Num, p.Rate))
}

// fork splits a stream for some chains, into [name0], [name1] and so on.
func fork(in, name string, numbers []int) string {
	out := in + "split=" + strconv.Itoa(len(numbers))
	for _, n := range numbers {
		out += fmt.Sprintf("[%s%d]", name, n)
	}
	return out
}

// repeated repeats a picture for every frame.
func repeated(rate msg.Rate) string {
	return fmt.Sprintf(",loop=-1:1,settb=%d/%d,setpts=N,", rate.Den, rate.Num)
}

// cut takes frames of a stream that starts at time 0.
func cut(from, to int) string {
	return fmt.Sprintf("trim=start_frame=%d:end_frame=%d,setpts=PTS-STARTPTS", from, to)
}

// rest lays a bubble at rest over [scene]. The labels of its streams end in n.
func (b Bubble) rest(n string) []string {
	at, pad := b.Place, bubble.Pad(b.Place)
	width, height := cover(b.Stream.Width, b.Stream.Height, at.Width, at.Height)
	plated, ends := "overlay=0:0:format=yuv420", ""
	if n != "" { // plate and mask are repeated, and would outlast the facecam
		plated, ends = "overlay=0:0:shortest=1:format=yuv420", "shortest=1"
	}
	name := named(n)
	chains := []string{
		ffmpeg.Chain(name("facecam"), name("sized"),
			facecamToBT709(b.Stream, width, height), fmt.Sprintf("crop=%d:%d", at.Width, at.Height), b.mirror(), "setsar=1",
			fmt.Sprintf("pad=%d:%d:%d:%d", at.Width+2*pad, at.Height+2*pad, pad, pad)+b.clear(":color=black@0")),
		ffmpeg.Chain(name("sized", "plate"), name("disc"), plated),
	}
	return append(append(chains, b.masked(name, ends)...),
		// pass: after the facecam's end there is no bubble.
		ffmpeg.Chain(name("scene", "bubble"), "", fmt.Sprintf("overlay=%d:%d:format=yuv420:eof_action=pass", at.X-pad, at.Y-pad)))
}

// clear returns option for a facecam with alpha, "" for others.
func (b Bubble) clear(option string) string {
	if b.Stream.Alpha {
		return option
	}
	return ""
}

// masked returns the chains that make [bubble] of [disc], with [mask] as its alpha. If the disc has
// alpha, the two are multiplied. ends is an option that says when the bubble ends.
func (b Bubble) masked(name func(names ...string) string, ends string, format ...string) []string {
	merge, multiply := "alphamerge", "blend=all_mode=multiply"
	if ends != "" {
		merge, multiply = merge+"="+ends, multiply+":"+ends
	}
	merged := ffmpeg.Chain("", name("bubble"), append([]string{merge}, format...)...)
	if !b.Stream.Alpha {
		return []string{name("disc", "mask") + merged}
	}
	return []string{
		ffmpeg.Chain(name("disc"), name("shown", "seen"), "split"),
		ffmpeg.Chain(name("seen"), name("alpha"), "alphaextract", "format=gray"),
		ffmpeg.Chain(name("alpha", "mask"), name("cut"), multiply),
		name("shown", "cut") + merged,
	}
}

// fill shows the facecam instead of [scene].
func (b Bubble) fill(n string, p msg.NormalizeParams) []string {
	width, height := cover(b.Stream.Width, b.Stream.Height, p.Width, p.Height)
	name := named(n)
	return []string{
		ffmpeg.Chain(name("facecam"), name("sized"),
			facecamToBT709(b.Stream, width, height), fmt.Sprintf("crop=%d:%d", p.Width, p.Height), b.mirror(), "setsar=1"),
		ffmpeg.Chain(name("scene", "sized"), "", "overlay=0:0:format=yuv420:eof_action=pass"),
	}
}

// move lays a bubble that grows or shrinks over [scene]. The facecam is scaled for each frame, laid
// on a canvas of the picture's size, and cut out with the animation's mask. Colour has full
// resolution until then, so that it moves by single pixels.
func (b Bubble) move(n string, one bubble.Phase, p msg.NormalizeParams) []string {
	// Most filters do not follow a picture whose size changes. A stranger's may, so it gets one
	// size first, and this one will, from the second scale on.
	width, height := cover(b.Stream.Width, b.Stream.Height, p.Width, p.Height)
	facecam := moving(b.Place, one, p, width, height)
	name, canvas := named(n), "format=yuv444p"
	if b.Stream.Alpha {
		canvas = "format=yuva444p"
	}
	chains := []string{
		ffmpeg.Chain("", name("canvas"), fmt.Sprintf("color=c=black%s:s=%dx%d:r=%s", b.clear("@0"), p.Width, p.Height, p.Rate), canvas),
		ffmpeg.Chain(name("facecam"), name("sized"), facecamToBT709(b.Stream, width, height), b.mirror(),
			fmt.Sprintf("scale=w='%s':h='%s':eval=frame:flags=bicubic+accurate_rnd+full_chroma_int", facecam.width, facecam.height),
			// With alpha, as overlay needs it: a conversion that overlay inserts itself would scale
			// all frames to the first one's size.
			"format=yuva444p", "setsar=1"),
		// shortest: all of it ends with the facecam. After that, pass shows the scene alone.
		ffmpeg.Chain(name("canvas", "sized"), name("laid"),
			fmt.Sprintf("overlay=x='%s':y='%s':eval=frame:shortest=1:format=yuv444", facecam.x, facecam.y)),
		ffmpeg.Chain(name("film"), name("above", "below"), "split"),
		ffmpeg.Chain(name("above"), name("plate"),
			fmt.Sprintf("crop=%d:%d:0:0", p.Width, p.Height), "scale=out_color_matrix=bt709:out_range=tv", "format=yuva444p"),
		ffmpeg.Chain(name("below"), name("mask"), fmt.Sprintf("crop=%d:%d:0:%d", p.Width, p.Height, p.Height), "alphaextract", "format=gray"),
		ffmpeg.Chain(name("laid", "plate"), name("disc"), "overlay=0:0:shortest=1:format=yuv444"),
	}
	return append(append(chains, b.masked(name, "shortest=1", "format=yuva420p")...),
		ffmpeg.Chain(name("scene", "bubble"), "", "overlay=0:0:format=yuv420:eof_action=pass"))
}

// geometry is FFmpeg's expressions of the facecam's size, and of its place for overlay, at a time t
// of a move.
type geometry struct{ width, height, x, y string }

// moving returns how a facecam that was scaled to width × height covers a bubble that moves between
// its place and the full picture.
func moving(at msg.Bubble, one bubble.Phase, p msg.NormalizeParams, width, height int) geometry {
	// Register 0 is the share of the move's time, register 1 how far it has come: bubble.ease.
	time := fmt.Sprintf("clip(%s+(%s)*round(t*%s),0,1)", decimal(one.Start), decimal(one.Step), p.Rate)
	ease := "st(0," + time + ");st(1,ld(0)*ld(0)*(3-2*ld(0)));"
	from := func(rests, full float64) string {
		return fmt.Sprintf("(%s+(%s)*ld(1))", decimal(rests), decimal(full-rests))
	}
	across, down := from(float64(at.Width), float64(p.Width)), from(float64(at.Height), float64(p.Height))
	x := from(float64(at.X)+float64(at.Width)/2, float64(p.Width)/2) // of the centre
	y := from(float64(at.Y)+float64(at.Height)/2, float64(p.Height)/2)
	return geometry{
		// A pixel more than necessary, because places are rounded.
		width:  fmt.Sprintf("%sceil(max(%s,%s*%d/%d))+1", ease, across, down, width, height),
		height: fmt.Sprintf("%sceil(max(%s,%s*%d/%d))+1", ease, down, across, height, width),
		x:      fmt.Sprintf("%sround(%s-w/2)", ease, x),
		y:      fmt.Sprintf("%sround(%s-h/2)", ease, y),
	}
}

// mirror returns the filter that swaps left and right, "" for a facecam that is not mirrored.
func (b Bubble) mirror() string {
	if b.Place.Mirror {
		return "hflip"
	}
	return ""
}

// named returns a function that writes labels of a phase's streams, each ending in ending:
// [sized2][plate2].
func named(ending string) func(names ...string) string {
	return func(names ...string) (out string) {
		for _, name := range names {
			out += "[" + name + ending + "]"
		}
		return out
	}
}

// maxAspect bounds the aspect ratio to which a facecam is scaled. One of 2 × 8192 pixels would take
// gigabytes; it is squeezed instead. It cannot be cropped first: crop does not follow a stream
// whose size changes.
const maxAspect = 16

// cover returns the size, in even numbers, at which a picture of width × height just covers a box
// when it is cropped around its centre.
func cover(width, height, across, down int) (int, int) {
	if width <= 0 || height <= 0 {
		return across, down
	}
	scale := max(float64(across)/float64(width), float64(down)/float64(height))
	most := maxAspect * min(across, down)
	even := func(v, least int) int {
		return min(max(least, 2*int(math.Round(float64(v)*scale/2))), max(least, most))
	}
	return even(width, across), even(height, down)
}

// decimal writes a number for a filter's expression, to the last bit.
func decimal(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
