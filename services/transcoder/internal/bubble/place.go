package bubble

// Shares of the scene's shorter side.
const (
	sizeShare   = 0.23
	marginShare = 0.045
)

// Shares of the face's diameter.
const (
	ringShare   = 0.018
	shadowShare = 0.1
)

// Place is where a bubble goes on a scene, in pixels. All are even, because chroma has half the resolution.
type Place struct {
	// Face is the diameter of the facecam's circle.
	Face int
	// Pad is what the ring and the shadow add on each side.
	Pad int
	// X and Y are the upper left corner of the padded square; they may be negative by what the shadow may lose.
	X, Y int
	// Ring is the ring's width, and Shadow the shadow's reach. Not rounded.
	Ring, Shadow float64
}

// Size is the side of the padded square.
func (p Place) Size() int { return p.Face + 2*p.Pad }

// BottomLeft places the bubble on a scene of width × height pixels.
func BottomLeft(width, height int) Place {
	side := float64(min(width, height))
	p := Place{Face: max(2, even(sizeShare*side))}
	p.Ring = max(1, ringShare*float64(p.Face))
	p.Shadow = shadowShare * float64(p.Face)
	// The shadow falls a little downwards: see draw.go.
	p.Pad = even(p.Ring+p.Shadow*(1+drop)) + 2
	margin := even(marginShare * side)
	p.X = margin - p.Pad
	p.Y = even(float64(height)) - margin - p.Face - p.Pad
	return p
}

// even rounds down to an even number.
func even(v float64) int { return int(v) &^ 1 }
