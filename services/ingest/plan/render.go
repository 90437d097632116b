package plan

import (
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/output"
	"github.com/loom-lite/loom-lite/pkg/scene"
)

// Render is a campaign that has been read: everything that its video is made from, checked and with
// defaults filled in.
type Render struct {
	// Width and Height of the video in pixels, even numbers.
	Width, Height int
	Rate          msg.Rate
	// Scenes in the order in which they are shown, at least one.
	Scenes []RenderScene
	// Facecam is the URL of the presenter's video; empty when there is none. Bubble says how it is
	// shown, and is nil then.
	Facecam string
	Bubble  *msg.Bubble
	// Output is how the video is encoded, and what is laid over it.
	Output output.Options
	// Captions are Output's, read.
	Captions []output.Cue
	// Crossfade is how many frames one scene takes to become the next; 0 for a cut.
	Crossfade int
	// Warnings are what its owner should know although it can be rendered.
	Warnings []msg.Warning

	// private are the values of variables that it is filled in with.
	private []string
}

// RenderScene is a page and how long it is shown.
type RenderScene struct {
	URL string
	// Shown is the URL as it may be shown, if it has values of variables.
	Shown string
	// Frames of its place in the video, at least one and more than a crossfade has.
	Frames  int
	Options scene.Options
}

// frames returns the length of the video.
func (r *Render) frames() (total int) {
	for _, s := range r.Scenes {
		total += s.Frames
	}
	return total
}
