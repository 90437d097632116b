package msg

// Bubble is how the facecam is shown: where it is in the picture, in pixels, and when it fills it.
type Bubble struct {
	// X, Y, Width and Height are the face's, even numbers.
	X      int `json:"x"`
	Y      int `json:"y"`
	Width  int `json:"width"`
	Height int `json:"height"`
	// Radius of the face's corners: half of its width makes it a circle.
	Radius float64 `json:"radius"`
	// Border is the width of the border around the face, and BorderColor its colour, as #rrggbb.
	Border      float64 `json:"border"`
	BorderColor string  `json:"border_color"`
	// Shadow is how far the shadow reaches; 0 for none.
	Shadow float64 `json:"shadow"`
	// Mirror says whether left and right are swapped.
	Mirror bool `json:"mirror,omitempty"`
	// Fullscreen are the moments when the facecam fills the picture, in order; none overlap.
	Fullscreen []Moment `json:"fullscreen,omitempty"`
}

// Moment is a time in which the facecam fills the picture, in frames of the render's timeline.
type Moment struct {
	// From is the last frame that shows the bubble before, To the first that shows it afterwards.
	From int `json:"from"`
	To   int `json:"to"`
	// Grow is how many frames after From the facecam fills the picture, Shrink how many before To
	// it does so still. When one is 0 there is no such move: frame From, or the one before To, is
	// full.
	Grow   int `json:"grow"`
	Shrink int `json:"shrink"`
}
