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

// lookStep is how many frames of a segment lie between those of which FFmpeg writes a look. It must
// be small: FFmpeg writes to the output that is behind the other, and so keeps that many frames for
// the encoder.
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

// seen is what is known of frames as they went into the encoder.
type seen struct {
	looks   []msg.Look
	changes []msg.Changes
}

// readSeen reads what FFmpeg wrote of a segment.
func readSeen(path string, frames int) (seen, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return seen{}, fmt.Errorf("read what frames look like: %w", err)
	}
	if want := (frames + lookStep - 1) / lookStep; len(data) != want*lookSize {
		return seen{}, fmt.Errorf("%d bytes of what %d frames look like", len(data), want)
	}
	var s seen
	for _, n := range lookedAt(frames) {
		at := n / lookStep * lookSize
		s.looks = append(s.looks, msg.Look{Frame: n, Cells: data[at : at+lookSize]})
	}
	levels := []byte{}
	for at := lookSize; at < len(data); at += lookSize {
		levels = append(levels, difference(data[at-lookSize:at], data[at:at+lookSize]))
	}
	s.changes = []msg.Changes{{Step: lookStep, Levels: levels}}
	return s, nil
}

// add appends what is known of a segment that begins at a frame.
func (s *seen) add(segment msg.VideoFacts, begin int) {
	for _, l := range segment.Looks {
		s.looks = append(s.looks, msg.Look{Frame: begin + l.Frame, Cells: l.Cells})
	}
	for _, c := range segment.Changes {
		s.changes = append(s.changes, msg.Changes{Frame: begin + c.Frame, Step: c.Step, Levels: c.Levels})
	}
}

// difference is the largest of two looks' differences.
func difference(a, b []byte) (most byte) {
	for i := range a {
		most = max(most, max(a[i], b[i])-min(a[i], b[i]))
	}
	return most
}
