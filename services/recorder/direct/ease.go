package direct

// ease is a curve of CSS by its name: how much of the way is done when the part t of the time has
// passed.
func ease(name string, t float64) float64 {
	switch name {
	case "ease-in":
		return bezier(t, 0.42, 1)
	case "ease-out":
		return bezier(t, 0, 0.58)
	case "ease-in-out":
		return bezier(t, 0.42, 0.58)
	}
	return t
}

// bezier is CSS's cubic-bezier(x1, 0, x2, 1) at t.
func bezier(t, x1, x2 float64) float64 {
	if t <= 0 || t >= 1 {
		return min(max(t, 0), 1)
	}
	// x grows with s, so halving finds it: to a millionth of a millionth.
	lo, hi := 0.0, 1.0
	for range 40 {
		s := (lo + hi) / 2
		if 3*s*(1-s)*(1-s)*x1+3*s*s*(1-s)*x2+s*s*s < t {
			lo = s
		} else {
			hi = s
		}
	}
	s := (lo + hi) / 2
	return 3*s*s*(1-s) + s*s*s
}

// hand is how a hand moves: it starts and stops without a jerk.
func hand(t float64) float64 { return t * t * t * (10 - 15*t + 6*t*t) }
