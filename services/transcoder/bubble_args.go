package transcoder

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/bubble"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
)

// inputs are the options that open the facecam and the bubble's pictures: inputs 1 to 3, and 4, on stdin, when it moves.
func (b bubbleSource) inputs(p msg.NormalizeParams) []string {
	args := slices.Concat(b.input(),
		ffmpeg.Input(filePlate, "png_pipe", "-f", "png_pipe"), ffmpeg.Input(fileMask, "png_pipe", "-f", "png_pipe"))
	if b.moves(p) {
		args = append(args, "-protocol_whitelist", "pipe", "-format_whitelist", "rawvideo", "-f", "rawvideo", "-pix_fmt", "rgba",
			"-video_size", fmt.Sprintf("%dx%d", p.Width, 2*p.Height), "-framerate", p.Rate.String(),
			// These pictures are large, and drawn as fast as they are read.
			"-thread_queue_size", "1", "-i", "pipe:0")
	}
	return args
}

// count is how many inputs there are.
func (b bubbleSource) count(p msg.NormalizeParams) int {
	if b.moves(p) {
		return 4
	}
	return 3
}

// moves reports whether the bubble moves in a segment.
func (b bubbleSource) moves(p msg.NormalizeParams) bool {
	return slices.ContainsFunc(phases(b.bubble.Fullscreen, p.FirstFrame, p.Frames), func(s phase) bool { return s.doing == moves })
}

// over are the chains of filters that lay the facecam over [scene]. The last one's output has no name yet.
func (b bubbleSource) over(p msg.NormalizeParams) []string {
	facecam := fmt.Sprintf("[1:%d]", b.stream.Index) + b.frames(p.Rate, p.FirstFrame, p.Frames) + "[facecam]"
	const plate, mask = "[2:v]" + drawnToBT709, "[3:v]format=gray"
	list := phases(b.bubble.Fullscreen, p.FirstFrame, p.Frames)
	if len(list) == 1 && list[0].doing == rests {
		return append([]string{facecam, plate + "[plate]", mask + "[mask]"}, b.rest("")...)
	}
	// Each phase is made apart, and they are joined: what one needs costs the others nothing. No picture may come to a phase
	// before its turn: FFmpeg would fetch all else that goes with it, and keep what comes on the way. of are those of each kind.
	var all []int
	of := map[doing][]int{}
	for i, one := range list {
		all, of[one.doing] = append(all, i), append(of[one.doing], i)
	}
	chains := []string{facecam, fork("[scene]", "whole", all), fork("[facecam]", "face", all)}
	if here := of[rests]; len(here) > 0 {
		chains = append(chains, fork(plate+repeated(p.Rate), "ring", here), fork(mask+repeated(p.Rate), "disk", here))
	}
	if here := of[moves]; len(here) > 0 {
		chains = append(chains, fork("[4:v]", "reel", here))
	}
	drawn, joined := 0, "" // frames of the film that are used up
	for i, one := range list {
		n := strconv.Itoa(i)
		chains = append(chains, "[whole"+n+"]"+cut(one.from, one.to)+"[scene"+n+"]", "[face"+n+"]"+cut(one.from, one.to)+"[facecam"+n+"]")
		var made []string
		switch one.doing {
		case rests:
			chains = append(chains, "[ring"+n+"]"+cut(one.from, one.to)+"[plate"+n+"]", "[disk"+n+"]"+cut(one.from, one.to)+"[mask"+n+"]")
			made = b.rest(n)
		case moves:
			drawn++ // the blank before it
			chains = append(chains, "[reel"+n+"]"+cut(drawn, drawn+one.to-one.from)+"[film"+n+"]")
			drawn += one.to - one.from
			made = b.move(n, one, p)
		case fills:
			made = b.fill(n, p)
		}
		made[len(made)-1] += "[phase" + n + "]"
		chains, joined = append(chains, made...), joined+"[phase"+n+"]"
	}
	// concat counts the length of what it joins from its time stamps, and a single frame has none.
	// fps: encoders of FFmpeg 7 have to be told how long a frame lasts.
	return append(chains, fmt.Sprintf("%sconcat=n=%d:v=1:a=0,settb=%d/%d,setpts=N,fps=%s", joined, len(list), p.Rate.Den, p.Rate.Num, p.Rate))
}

// fork gives what comes in to some chains, as [name0], [name1] and so on.
func fork(in, name string, numbers []int) string {
	out := in + "split=" + strconv.Itoa(len(numbers))
	for _, n := range numbers {
		out += fmt.Sprintf("[%s%d]", name, n)
	}
	return out
}

// repeated makes a picture one of every frame.
func repeated(rate msg.Rate) string {
	return fmt.Sprintf(",loop=-1:1,settb=%d/%d,setpts=N,", rate.Den, rate.Num)
}

// cut takes frames of a stream that starts at time 0.
func cut(from, to int) string {
	return fmt.Sprintf("trim=start_frame=%d:end_frame=%d,setpts=PTS-STARTPTS", from, to)
}

// rest lays a bubble that keeps its place over [scene], each of its inputs' names ending as given.
func (b bubbleSource) rest(n string) []string {
	at, pad := b.bubble, bubble.Pad(b.bubble)
	width, height := cover(b.stream.Width, b.stream.Height, at.Width, at.Height)
	merge, ends := "alphamerge", ""
	if n != "" { // plate and mask are repeated, and would go on after the facecam's end
		merge, ends = "alphamerge=shortest=1", "shortest=1:"
	}
	return []string{
		"[facecam" + n + "]" + strings.Join(slices.Concat(
			[]string{facecamToBT709(b.stream, width, height), fmt.Sprintf("crop=%d:%d", at.Width, at.Height)}, b.mirror(),
			[]string{"setsar=1", fmt.Sprintf("pad=%d:%d:%d:%d", at.Width+2*pad, at.Height+2*pad, pad, pad)},
		), ",") + "[sized" + n + "]",
		fmt.Sprintf("[sized%s][plate%[1]s]overlay=0:0:%sformat=yuv420[disc%[1]s]", n, ends),
		fmt.Sprintf("[disc%s][mask%[1]s]%s[bubble%[1]s]", n, merge),
		// pass: after the facecam's end there is no bubble.
		fmt.Sprintf("[scene%s][bubble%[1]s]overlay=%d:%d:format=yuv420:eof_action=pass", n, at.X-pad, at.Y-pad),
	}
}

// fill shows the facecam instead of [scene].
func (b bubbleSource) fill(n string, p msg.NormalizeParams) []string {
	width, height := cover(b.stream.Width, b.stream.Height, p.Width, p.Height)
	return []string{
		"[facecam" + n + "]" + strings.Join(slices.Concat(
			[]string{facecamToBT709(b.stream, width, height), fmt.Sprintf("crop=%d:%d", p.Width, p.Height)}, b.mirror(), []string{"setsar=1"},
		), ",") + "[sized" + n + "]",
		fmt.Sprintf("[scene%s][sized%[1]s]overlay=0:0:format=yuv420:eof_action=pass", n),
	}
}

// move lays a bubble that grows or shrinks over [scene]. The facecam is scaled for each frame, laid on a canvas of the
// picture's size, and cut out by what Film draws. Colour has full resolution on the way, so that it moves by single pixels.
func (b bubbleSource) move(n string, one phase, p msg.NormalizeParams) []string {
	// Most filters do not follow a picture whose size changes, as this one's is going to, and as a stranger's may on the way.
	width, height := cover(b.stream.Width, b.stream.Height, p.Width, p.Height)
	at := b.bubble
	share := fmt.Sprintf("st(0,clip(%s+(%s)*round(t*%s),0,1));st(1,ld(0)*ld(0)*(3-2*ld(0)));", decimal(one.start), decimal(one.step), p.Rate)
	along := func(from, to float64) string { return fmt.Sprintf("(%s+(%s)*ld(1))", decimal(from), decimal(to-from)) }
	across, down := along(float64(at.Width), float64(p.Width)), along(float64(at.Height), float64(p.Height))
	x, y := along(float64(at.X)+float64(at.Width)/2, float64(p.Width)/2), along(float64(at.Y)+float64(at.Height)/2, float64(p.Height)/2)
	return []string{
		fmt.Sprintf("color=c=black:s=%dx%d:r=%s,format=yuv444p[canvas%s]", p.Width, p.Height, p.Rate, n),
		"[facecam" + n + "]" + strings.Join(slices.Concat([]string{facecamToBT709(b.stream, width, height)}, b.mirror(), []string{
			// A pixel more than it takes, because places are rounded.
			fmt.Sprintf("scale=w='%sceil(max(%s,%s*%d/%d))+1':h='%[1]sceil(max(%[3]s,%[2]s*%[5]d/%[4]d))+1'",
				share, across, down, width, height) + ":eval=frame:flags=bicubic+accurate_rnd+full_chroma_int",
			// With alpha, as overlay wants it: what it would convert itself, it would bring back to the first frame's size.
			"format=yuva444p", "setsar=1",
		}), ",") + "[sized" + n + "]",
		// shortest: all of it ends with the facecam, and pass, below, leaves the scene then.
		fmt.Sprintf("[canvas%s][sized%[1]s]overlay=x='%sround(%s-w/2)':y='%[2]sround(%[4]s-h/2)':eval=frame:shortest=1:format=yuv444[laid%[1]s]", n, share, x, y),
		fmt.Sprintf("[film%s]split[above%[1]s][below%[1]s]", n),
		fmt.Sprintf("[above%s]crop=%d:%d:0:0,scale=out_color_matrix=bt709:out_range=tv,format=yuva444p[plate%[1]s]", n, p.Width, p.Height),
		fmt.Sprintf("[below%s]crop=%d:%d:0:%[3]d,alphaextract,format=gray[mask%[1]s]", n, p.Width, p.Height),
		fmt.Sprintf("[laid%s][plate%[1]s]overlay=0:0:shortest=1:format=yuv444[disc%[1]s]", n),
		fmt.Sprintf("[disc%s][mask%[1]s]alphamerge=shortest=1,format=yuva420p[bubble%[1]s]", n),
		fmt.Sprintf("[scene%s][bubble%[1]s]overlay=0:0:format=yuv420:eof_action=pass", n),
	}
}

// mirror is the filter that swaps left and right, if it is asked for.
func (b bubbleSource) mirror() []string {
	if b.bubble.Mirror {
		return []string{"hflip"}
	}
	return nil
}

// maxAspect bounds how much longer than wide a facecam is scaled. One of 2 × 8192 pixels would take gigabytes; it is
// squeezed instead. Cropping first would be no way out: crop does not follow a stream whose size changes.
const maxAspect = 16

// cover returns the size at which a picture of width × height just covers a box, even, for a crop at its centre.
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
