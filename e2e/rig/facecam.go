package rig

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// FacecamColor is the one colour of the facecams' pictures, as RGB.
var FacecamColor = RGB{255, 0, 255}

var picture = []string{"-f", "lavfi", "-i", "color=magenta:s=320x240:r=25:d=6"}

// facecams says how each is made; those without arguments are text.
var facecams = map[string][]string{
	"talking.mp4": append(append([]string{}, picture...), "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100:duration=6",
		"-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac", "-shortest"),
	"silent.mp4": append(append([]string{}, picture...), "-c:v", "libx264", "-pix_fmt", "yuv420p"),
	"broken.mp4": nil,
}

var made struct {
	sync.Mutex
	dir string
}

// FacecamFile returns the path of one of the facecams that Site.Facecam knows.
func FacecamFile(t testing.TB, name string) string {
	t.Helper()
	path, err := facecam(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// facecam makes a facecam, once in a test process, and returns its path.
func facecam(name string) (string, error) {
	args, known := facecams[name]
	if !known {
		return "", fmt.Errorf("there is no facecam %q", name)
	}
	made.Lock()
	defer made.Unlock()
	if made.dir == "" {
		dir, err := os.MkdirTemp("", "loom-e2e-facecams-")
		if err != nil {
			return "", fmt.Errorf("make a folder for facecams: %w", err)
		}
		made.dir = dir
	}
	path := filepath.Join(made.dir, name)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if args == nil {
		return path, os.WriteFile(path, []byte("This is no video.\n"), 0o600)
	}
	args = append(append([]string{"-v", "error"}, args...), path)
	if out, err := exec.Command("ffmpeg", args...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("make facecam %s (make setup installs ffmpeg): %w\n%s", name, err, out)
	}
	return path, nil
}

// RemoveFacecams deletes what was made. TestMain calls it at the end.
func RemoveFacecams() error {
	made.Lock()
	defer made.Unlock()
	return os.RemoveAll(made.dir)
}
