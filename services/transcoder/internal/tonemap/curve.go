package tonemap

import "math"

// Curve is a transfer function: how a picture codes brightness.
type Curve int

// The curves of high dynamic range.
const (
	PQ  Curve = iota + 1 // SMPTE ST 2084
	HLG                  // ARIB STD-B67
)

// CurveOf returns the curve that FFmpeg calls transfer, 0 if it is not one of high dynamic range.
func CurveOf(transfer string) Curve {
	switch transfer {
	case "smpte2084":
		return PQ
	case "arib-std-b67":
		return HLG
	}
	return 0
}

// In cd/m².
const (
	paper = 203  // diffuse white, ITU-R BT.2408
	peak  = 1000 // the most that phones and HLG's reference screen show
)

// knee is the brightness, in units of paper, up to which nothing is compressed.
const knee = 0.3

// Colour returns the sRGB-coded BT.709 colour, each part 0 to 1, that stands for a colour of the
// curve in BT.2020.
func (c Curve) Colour(r, g, b float64) (float64, float64, float64) {
	r, g, b = c.light(r, g, b)
	// BT.2020 to BT.709. Colours outside of BT.709 are clipped.
	r, g, b = max(0, 1.660491*r-0.587641*g-0.072850*b),
		max(0, -0.124550*r+1.132900*g-0.008349*b),
		max(0, -0.018151*r-0.100579*g+1.118730*b)
	if top := max(r, g, b); top > 0 {
		k := compress(min(top, float64(peak)/paper)) / top
		r, g, b = r*k, g*k, b*k
	}
	return encode(r), encode(g), encode(b)
}

// light returns the light of a screen, in units of paper.
func (c Curve) light(r, g, b float64) (float64, float64, float64) {
	if c == PQ {
		return pq(r) / paper, pq(g) / paper, pq(b) / paper
	}
	r, g, b = hlg(r), hlg(g), hlg(b)
	k := peak * math.Pow(0.2627*r+0.6780*g+0.0593*b, 0.2) / paper
	return r * k, g * k, b * k
}

// pq returns cd/m².
func pq(v float64) float64 {
	p := math.Pow(v, 1/78.84375)
	return 10000 * math.Pow(max(0, p-0.8359375)/(18.8515625-18.6875*p), 1/0.1593017578125)
}

// hlg returns the light of the scene, from 0 to 1.
func hlg(v float64) float64 {
	if v <= 0.5 {
		return v * v / 3
	}
	return (math.Exp((v-0.55991073)/0.17883277) + 0.28466892) / 12
}

// compress is the identity up to the knee, and continues smoothly to 1 at the peak (a Möbius
// transform).
func compress(x float64) float64 {
	if x <= knee {
		return x
	}
	const top = float64(peak) / paper
	a := -knee * knee * (top - 1) / (knee*knee - 2*knee + top)
	b := (knee*knee - 2*knee*top + top) / (top - 1)
	return (b*b + 2*b*knee + knee*knee) / (b - a) * (x + a) / (x + b)
}

// encode is sRGB's curve, that of viewers' screens.
func encode(v float64) float64 {
	if v <= 0.0031308 {
		return 12.92 * v
	}
	return min(1, 1.055*math.Pow(v, 1/2.4)-0.055)
}
