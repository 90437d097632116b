package mediatest

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
)

// Tools are the programs of this machine.
var Tools = ffmpeg.Tools{FFmpeg: "ffmpeg", FFprobe: "ffprobe"}

// NeedFFmpeg fails a test on a machine without FFmpeg.
func NeedFFmpeg(t *testing.T) {
	t.Helper()
	for _, program := range []string{Tools.FFmpeg, Tools.FFprobe} {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("%s is not installed: run make setup, or install ffmpeg", program)
		}
	}
}

// Run runs a program and returns its stdout.
func Run(t *testing.T, stdin io.Reader, program string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Stdin = stdin
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, stderr.String())
	}
	return stdout.Bytes()
}

// Make runs ffmpeg with args and the name of a file to write, and returns the file's content.
func Make(t *testing.T, name string, stdin io.Reader, args ...string) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	Run(t, stdin, Tools.FFmpeg, append(append([]string{"-v", "error", "-y"}, args...), file)...)
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Timing reads the packets of a stream.
func Timing(t *testing.T, data []byte, stream int) ffmpeg.Timing {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	timing, err := Tools.Timing(context.Background(), dir, "file", ffmpeg.OwnContainers, stream)
	if err != nil {
		t.Fatal(err)
	}
	return timing
}
