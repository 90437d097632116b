package transcoder

import (
	"fmt"
	"os"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// fileLooks holds looks of frames, one after the other, in the task's folder.
const fileLooks = "looks.gray"

// lookSize is a look's in bytes.
const lookSize = msg.LookSide * msg.LookSide

// lookFilter makes a look of a frame.
var lookFilter = fmt.Sprintf("scale=%d:%d:flags=area:out_range=pc,format=gray", msg.LookSide, msg.LookSide)

// lookStep is how many frames of a segment lie between those of which FFmpeg writes a look. It must be small: FFmpeg writes to the
// output that is behind the other, and so keeps that many frames for the encoder.
const lookStep = 15

// lookedAt are the frames of a segment whose looks are kept.
func lookedAt(frames int) []int {
	first, second := frames/4/lookStep*lookStep, 3*frames/4/lookStep*lookStep
	if first == second {
		return []int{first}
	}
	return []int{first, second}
}

// looksFilter gives a segment's frames to the encoder, [out], and looks of some to [looks].
var looksFilter = fmt.Sprintf("split[out][more];[more]framestep=%d,%s[looks]", lookStep, lookFilter)

// readLooks reads the looks of a segment.
func readLooks(path string, frames int) ([]msg.Look, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read what frames look like: %w", err)
	}
	if want := (frames + lookStep - 1) / lookStep; len(data) != want*lookSize {
		return nil, fmt.Errorf("%d bytes of what %d frames look like", len(data), want)
	}
	var looks []msg.Look
	for _, n := range lookedAt(frames) {
		at := n / lookStep * lookSize
		looks = append(looks, msg.Look{Frame: n, Cells: data[at : at+lookSize]})
	}
	return looks, nil
}

// placed returns the looks of a segment that begins at a frame of the video, by the video's frames.
func placed(looks []msg.Look, begin int) []msg.Look {
	list := make([]msg.Look, len(looks))
	for i, l := range looks {
		list[i] = msg.Look{Frame: begin + l.Frame, Cells: l.Cells}
	}
	return list
}
