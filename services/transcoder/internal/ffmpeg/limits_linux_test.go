package ffmpeg

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

func TestAProgramThatUsesTooMuchEnds(t *testing.T) {
	const mib = 1 << 20
	for _, test := range []struct {
		name, program string
		limits        Limits
	}{
		{"memory", "until [ $(ulimit -d) != unlimited ]; do :; done; head -c 300000000 /dev/zero | tail -c 300000000 >/dev/null", Limits{Memory: 64 * mib}},
		{"time", "while :; do :; done", Limits{CPU: time.Second}},
		{"disk", "until [ $(ulimit -f) != unlimited ]; do :; done; head -c 3000000 /dev/zero >big", Limits{File: mib}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			err := Tools{FFmpeg: script(t, test.program)}.Within(test.limits).Run(t.Context(), dir, nil, nil)
			var exit *ExitError
			if !errors.As(err, &exit) || !exit.Own() {
				t.Errorf("error %v", err)
			}
			if info, err := os.Stat(filepath.Join(dir, "big")); err == nil && info.Size() > mib {
				t.Errorf("%d bytes were written", info.Size())
			}
		})
	}
}

func TestAProgramWithinItsLimitsIsLeftAlone(t *testing.T) {
	tools := Tools{FFmpeg: script(t, "head -c 1000000 /dev/zero >small")}.Within(Limits{Memory: 1 << 30, CPU: time.Hour, File: 1 << 20})
	if err := tools.Run(t.Context(), t.TempDir(), nil, nil); err != nil {
		t.Error(err)
	}
}

func TestAProgramThatIsToldToEndDidNotFail(t *testing.T) {
	var exit *ExitError
	err := Tools{FFmpeg: script(t, "kill -KILL $$")}.Run(t.Context(), t.TempDir(), nil, nil)
	if !errors.As(err, &exit) || exit.Own() || exit.Signal != syscall.SIGKILL {
		t.Errorf("error %v", err)
	}
}
