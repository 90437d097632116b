package mediatest

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// Facecam makes an MP4 of Greys with sound, a WAV file or nil for none. options are of the output;
// if the first is an extension (".mkv"), the file has that one, and no codec but what options ask
// for.
func Facecam(t *testing.T, rate msg.Rate, count, width, height int, sound []byte, options ...string) []byte {
	t.Helper()
	return once(t, key("facecam", rate, count, width, height, sha256.Sum256(sound), options), func() []byte {
		return facecam(t, rate, count, width, height, sound, options...)
	})
}

func facecam(t *testing.T, rate msg.Rate, count, width, height int, sound []byte, options ...string) []byte {
	t.Helper()
	args := RawInput(rate, width, height)
	if sound != nil {
		file := filepath.Join(t.TempDir(), "sound.wav")
		if err := os.WriteFile(file, sound, 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "-i", file)
	}
	name := "facecam.mp4"
	if len(options) > 0 && strings.HasPrefix(options[0], ".") {
		name, options = "facecam"+options[0], options[1:]
	} else {
		options = append([]string{"-c:v", "libx264", "-preset", "ultrafast", "-crf", "8", "-pix_fmt", "yuv420p"}, options...)
	}
	return Make(t, name, RawFrames(count, width, height, Greys), append(args, options...)...)
}

// Spoil overwrites the packets of a stream ("v:0", "a:0") for whose number spoil returns true, so
// that they cannot be decoded.
func Spoil(t *testing.T, data []byte, stream string, spoil func(n int) bool) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "whole")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	list := Run(t, nil, Tools.FFprobe,
		"-v", "error", "-select_streams", stream, "-show_entries", "packet=pos,size", "-of", "compact=p=0:nk=1", file)
	bad := bytes.Clone(data)
	for n, line := range strings.Fields(string(list)) {
		fields := strings.Split(line, "|") // side data makes for more of them
		size, err1 := strconv.Atoi(fields[0])
		at, err2 := strconv.Atoi(fields[1])
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		if spoil(n) {
			copy(bad[at:], bytes.Repeat([]byte{0xff}, size))
		}
	}
	return bad
}
