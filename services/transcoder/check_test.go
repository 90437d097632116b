package transcoder

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/services/transcoder/internal/mediatest"
)

func TestTheInstalledFFmpegWillDo(t *testing.T) {
	mediatest.NeedFFmpeg(t)
	version, err := CheckFFmpeg(t.Context(), mediatest.Tools.FFmpeg, mediatest.Tools.FFprobe)
	if err != nil || version == "" {
		t.Errorf("version %q, error %v", version, err)
	}
}

func TestAnFFmpegThatWillNotDoIsExplained(t *testing.T) {
	script := func(lines string) string {
		file := filepath.Join(t.TempDir(), "ffmpeg")
		if err := os.WriteFile(file, []byte("#!/bin/sh\n"+lines), 0o700); err != nil {
			t.Fatal(err)
		}
		return file
	}
	for _, test := range []struct{ name, path, words string }{
		{"missing", filepath.Join(t.TempDir(), "ffmpeg"), "no such file"},
		{"too old", script("echo 'ffmpeg version 4.4.2-0ubuntu0.22.04.1 Copyright'"), "5.1 is the first"},
		{"something else", script("echo hello"), "does not print a version"},
		{"without x264", script("case $2 in -version) echo 'ffmpeg version 6.0 Copyright';; -encoders) echo ' V....D mjpeg MJPEG';; esac"), "encoder libx264"},
		{"broken", script("echo 'libx264.so.164: cannot open shared object file' >&2; exit 127"), "libx264.so.164"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := CheckFFmpeg(t.Context(), test.path, test.path)
			if err == nil || !strings.Contains(err.Error(), test.words) || !strings.Contains(err.Error(), "install FFmpeg") {
				t.Errorf("error %v, want one with %q and what to install", err, test.words)
			}
		})
	}
}
