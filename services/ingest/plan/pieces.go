package plan

import (
	"github.com/loom-lite/loom-lite/pkg/budget"
	"github.com/loom-lite/loom-lite/pkg/msg"
)

const (
	// wantedPieces is up to how many pieces a scene is cut into, each as short as can be. Longer
	// scenes have longer pieces.
	wantedPieces = 16
	// longestGOPs is how many groups of pictures a piece has at most, unless package budget wants fewer
	// pieces.
	longestGOPs = 5
)

// pieces cuts scenes of these many frames into pieces, at most so many unless there are more
// scenes, and returns the frames of each, by scene. A piece is normalized as soon as it is
// recorded, beside those that follow: short pieces finish sooner, and keep more transcoders busy;
// but each costs a task. All but a scene's last are whole groups of pictures, so that a cut adds no
// keyframe.
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

// cutScene cuts a scene into pieces of at least this many groups of pictures. What is left for the
// last piece, if it is less than half a group, is added to the one before it.
func cutScene(frames, gop, shortest int) (list []int) {
	groups := (frames + gop - 1) / gop
	each := gop * max(shortest, (groups+budget.Pieces-1)/budget.Pieces, min(longestGOPs, (groups+wantedPieces-1)/wantedPieces))
	for ; frames >= each+(gop+1)/2; frames -= each {
		list = append(list, each)
	}
	return append(list, frames)
}
