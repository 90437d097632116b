package fingerprint

import (
	"fmt"
	"os"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// File holds fingerprints of frames, one after the other, in the task's folder.
const File = "fingerprints.gray"

// Size is a fingerprint's size in bytes.
const Size = msg.FingerprintSide * msg.FingerprintSide

// Filter makes the fingerprint of a frame.
var Filter = fmt.Sprintf("scale=%d:%d:flags=area:out_range=pc,format=gray", msg.FingerprintSide, msg.FingerprintSide)

// step is how many frames apart those frames of a segment are whose fingerprints FFmpeg writes. It
// must be small: FFmpeg writes to the output that is behind the other, and so keeps that many
// frames for the encoder.
const step = 15

// SegmentFilter sends a segment's frames to the encoder, as [out], and the fingerprints of some to
// Output.
var SegmentFilter = fmt.Sprintf("split[out][more];[more]framestep=%d,%s[fingerprints]", step, Filter)

// Output returns the options that write the fingerprints of [fingerprints] to File.
func Output() []string {
	return []string{"-map", "[fingerprints]", "-fps_mode", "passthrough", "-f", "rawvideo", "file:" + File}
}

// Set is what is known of a video's frames as they went into the encoder.
type Set struct {
	// Frames are the fingerprints of some frames.
	Frames []msg.Fingerprint
	// Changes are by how much fingerprints differ from the ones before.
	Changes []msg.Changes
}

// Read reads the fingerprints that FFmpeg wrote of a segment of the given number of frames.
func Read(path string, frames int) (Set, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Set{}, fmt.Errorf("read fingerprints: %w", err)
	}
	if want := (frames + step - 1) / step; len(data) != want*Size {
		return Set{}, fmt.Errorf("%d bytes of fingerprints, want %d of %d", len(data), want, Size)
	}
	var s Set
	for _, n := range kept(frames) {
		at := n / step * Size
		s.Frames = append(s.Frames, msg.Fingerprint{Frame: n, Cells: data[at : at+Size]})
	}
	levels := []byte{}
	for at := Size; at < len(data); at += Size {
		levels = append(levels, Difference(data[at-Size:at], data[at:at+Size]))
	}
	s.Changes = []msg.Changes{{Step: step, Levels: levels}}
	return s, nil
}

// kept returns the frames of a segment whose fingerprints are kept.
func kept(frames int) []int {
	first, second := frames/4/step*step, 3*frames/4/step*step
	if first == second {
		return []int{first}
	}
	return []int{first, second}
}

// Add appends what is known of a segment whose first frame is the video's frame begin.
func (s *Set) Add(segment msg.VideoFacts, begin int) {
	for _, f := range segment.Fingerprints {
		s.Frames = append(s.Frames, msg.Fingerprint{Frame: begin + f.Frame, Cells: f.Cells})
	}
	for _, c := range segment.Changes {
		s.Changes = append(s.Changes, msg.Changes{Frame: begin + c.Frame, Step: c.Step, Levels: c.Levels})
	}
}

// Difference returns the largest difference of two fingerprints' cells, in levels of 255.
func Difference(a, b []byte) (most byte) {
	for i := range a {
		most = max(most, max(a[i], b[i])-min(a[i], b[i]))
	}
	return most
}
