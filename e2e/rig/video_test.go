package rig

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"
)

// video makes a video of one colour, with frame numbers 0, 1, 2, … when counting, else without.
func video(t *testing.T, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "v.mp4")
	args = append(args, "-c:v", "libx264", "-pix_fmt", "yuv420p", path)
	if out, err := exec.Command("ffmpeg", append([]string{"-v", "error"}, args...)...).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, out)
	}
	return path
}

func TestFramesAreReadAsTheyAre(t *testing.T) {
	// Bit 0 of the number is white: 1 on every frame. The right half has the facecam's colour.
	path := video(t, "-f", "lavfi", "-i", fmt.Sprintf(
		"color=navy:s=320x180:r=30:d=1,drawbox=0:0:%d:%d:black:fill,drawbox=0:0:%d:%d:white:fill,drawbox=200:0:120:180:magenta:fill",
		CodeBits*CodeSize, CodeSize, CodeSize, CodeSize))
	frames := Frames(t, path)
	if len(frames) != 30 {
		t.Fatalf("%d frames", len(frames))
	}
	for i, f := range frames {
		if f.Number != 1 || !f.Color.Near(RGB{0, 0, 128}) || f.Facecam < 0.33 || f.Facecam > 0.4 {
			t.Fatalf("frame %d is read as %+v", i, f)
		}
	}
}

func TestTheIndexIsFoundWhereItIs(t *testing.T) {
	source := []string{"-f", "lavfi", "-i", "color=navy:s=320x180:r=30:d=1"}
	if boxes := boxesOf(t, video(t, source...)); !before(boxes, "mdat", "moov") {
		t.Errorf("without faststart: %v", boxes)
	}
	if boxes := boxesOf(t, video(t, append(source, "-movflags", "+faststart")...)); before(boxes, "mdat", "moov") {
		t.Errorf("with faststart: %v", boxes)
	}
}
