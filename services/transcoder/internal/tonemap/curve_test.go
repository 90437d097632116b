package tonemap

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestGreysAreWhatTheStandardsSay(t *testing.T) {
	for _, test := range []struct {
		name   string
		curve  Curve
		v      float64
		paper  float64 // in papers
		coding float64
	}{
		// BT.2408: 203 cd/m² is 58 % of PQ and 75 % of HLG, an 18 % grey 38 % of both.
		{"PQ white", PQ, 0.5807, 1, 0.84},
		{"HLG white", HLG, 0.75, 1, 0.84},
		{"PQ grey", PQ, 0.38, 0.13, 0.395},
		{"HLG grey", HLG, 0.38, 0.13, 0.395},
		{"PQ black", PQ, 0, 0, 0},
		{"HLG black", HLG, 0, 0, 0},
		{"PQ peak", PQ, 0.7518, 4.926, 1},
		{"HLG peak", HLG, 1, 4.926, 1},
		{"PQ beyond the peak", PQ, 1, 49.26, 1},
	} {
		r, g, b := test.curve.light(test.v, test.v, test.v)
		if math.Abs(r-test.paper) > 0.03*test.paper+0.001 || r != g || g != b {
			t.Errorf("%s: light %.3f %.3f %.3f, want %.3f", test.name, r, g, b, test.paper)
		}
		r, g, b = test.curve.Colour(test.v, test.v, test.v)
		if math.Abs(r-test.coding) > 0.012 || math.Abs(r-g) > 0.001 || math.Abs(g-b) > 0.001 {
			t.Errorf("%s: colour %.3f %.3f %.3f, want %.3f", test.name, r, g, b, test.coding)
		}
	}
}

func TestBrighterStaysBrighter(t *testing.T) {
	for _, curve := range []Curve{PQ, HLG} {
		last := -1.0
		for i := range 1001 {
			v := float64(i) / 1000
			got, _, _ := curve.Colour(v, v, v)
			if math.IsNaN(got) || got < last-1e-9 || got > 1 {
				t.Fatalf("curve %d at %.3f: %f after %f", curve, v, got, last)
			}
			last = got
		}
	}
}

func TestTheTableIsWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "hdr.cube")
	if err := Write(file, HLG); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) != 1+steps*steps*steps || lines[0] != "LUT_3D_SIZE 33" || lines[1] != "0.000000 0.000000 0.000000" {
		t.Errorf("%d lines, %q, %q", len(lines), lines[0], lines[1])
	}
	if err := Write(filepath.Join(t.TempDir(), "no", "hdr.cube"), PQ); err == nil {
		t.Error("written into a folder that is not there")
	}
}
