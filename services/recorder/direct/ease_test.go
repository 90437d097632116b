package direct

import (
	"math"
	"testing"
)

func TestCurvesAreCSSs(t *testing.T) {
	// Of cubic-bezier(.42, 0, 1, 1), (0, 0, .58, 1) and (.42, 0, .58, 1), a few places.
	for name, at := range map[string]map[float64]float64{
		"":            {0: 0, 0.25: 0.25, 1: 1},
		"linear":      {0: 0, 0.3: 0.3, 1: 1},
		"ease-in":     {0: 0, 0.25: 0.09346, 0.5: 0.31536, 0.75: 0.62186, 1: 1},
		"ease-out":    {0: 0, 0.25: 0.37814, 0.5: 0.68464, 0.75: 0.90654, 1: 1},
		"ease-in-out": {0: 0, 0.25: 0.12916, 0.5: 0.5, 0.75: 0.87084, 1: 1},
	} {
		for x, want := range at {
			if got := ease(name, x); math.Abs(got-want) > 1e-4 {
				t.Errorf("%q at %v is %v, want %v", name, x, got, want)
			}
		}
	}
}

func TestAHandStartsAndStopsGently(t *testing.T) {
	if hand(0) != 0 || hand(1) != 1 || math.Abs(hand(0.5)-0.5) > 1e-12 || hand(0.05) > 0.002 || hand(0.95) < 0.998 {
		t.Error("it does not go from 0 to 1 as a hand does")
	}
}
