package plan

import (
	"github.com/loom-lite/loom-lite/pkg/budget"
	"github.com/loom-lite/loom-lite/pkg/msg"
)

const (
	// wantedPieces is how many pieces a scene is cut into, at most, as long as they are short.
	// Longer scenes have longer pieces instead.
	wantedPieces = 16
	// longestGOPs is how many groups of pictures a piece has at most, unless the scene would have
	// more pieces than package budget allows.
	longestGOPs = 5
)

// pieces cuts scenes with these numbers of frames into pieces, and returns the frames of each
// piece, by scene. There are most pieces at most, or as many as scenes if that is more.
//
// A piece is normalized as soon as it is recorded, while the next ones are recorded. Short pieces
// finish sooner and keep more transcoders busy, but each costs a task. All pieces but a scene's
// last are whole groups of pictures, so a cut adds no keyframe.
func pieces(rate msg.Rate, scenes []int, most int) [][]int {
	for shortest := 1; ; shortest++ {
		cut, total := make([][]int, len(scenes)), 0
		for i, frames := range scenes {
			cut[i] = cutScene(frames, rate.GOP(), shortest)
			total += len(cut[i])
		}
		if total <= max(most, len(scenes)) {
			return cut
		}
	}
}

// cutScene cuts a scene into pieces of at least this many groups of pictures. A rest of less than
// half a group is added to the last piece.
func cutScene(frames, gop, shortest int) (list []int) {
	groups := (frames + gop - 1) / gop
	each := gop * max(shortest, (groups+budget.Pieces-1)/budget.Pieces, min(longestGOPs, (groups+wantedPieces-1)/wantedPieces))
	for ; frames >= each+(gop+1)/2; frames -= each {
		list = append(list, each)
	}
	return append(list, frames)
}
