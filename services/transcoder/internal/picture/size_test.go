package picture

import "testing"

func TestCoverFillsABox(t *testing.T) {
	for _, test := range []struct{ width, height, across, down, wantWidth, wantHeight int }{
		{1920, 1080, 248, 248, 440, 248},
		{1080, 1920, 248, 248, 248, 440},
		{100, 100, 40, 40, 40, 40},
		{101, 100, 40, 40, 40, 40},
		{160, 10, 40, 40, 640, 40},
		{8192, 2, 40, 40, 640, 40},
		{2, 8192, 40, 40, 40, 640},
		{0, 0, 40, 40, 40, 40},
		{640, 480, 320, 180, 320, 240},
		{1080, 1920, 320, 180, 320, 568},
		{1920, 1080, 180, 320, 568, 320},
		{8192, 2, 320, 180, 2880, 180},
	} {
		if w, h := cover(test.width, test.height, test.across, test.down); w != test.wantWidth || h != test.wantHeight {
			t.Errorf("cover(%d, %d, %d, %d) = %d, %d; want %d, %d", test.width, test.height, test.across, test.down, w, h, test.wantWidth, test.wantHeight)
		}
	}
}

func TestShapesAreKeptInEvenNumbers(t *testing.T) {
	for _, c := range []struct{ width, height, maxWidth, maxHeight, wantWidth, wantHeight int }{
		{750, 1334, 1920, 1080, 608, 1080},
		{1280, 720, 1920, 1080, 1920, 1080},
		{1366, 768, 1920, 1080, 1920, 1080},
		{7680, 16, 1920, 1080, 1920, 4},
		{16, 7680, 1920, 1080, 2, 1080},
		{1920, 1080, 750, 1334, 750, 422},
		{1920, 1080, 7680, 16, 28, 16},
	} {
		if w, h := inside(c.width, c.height, c.maxWidth, c.maxHeight); w != c.wantWidth || h != c.wantHeight {
			t.Errorf("%+v: %d × %d", c, w, h)
		}
	}
}
