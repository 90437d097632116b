package ffmpeg

import (
	"errors"
	"syscall"
	"testing"
)

func TestAProgramThatReachesALimitFailedByItself(t *testing.T) {
	tools := Tools{FFmpeg: script(t, "until [ $(ulimit -f) != unlimited ]; do :; done; head -c 3000000 /dev/zero >big")}.Within(Limits{File: 1 << 20})
	var exit *ExitError
	if err := tools.Run(t.Context(), t.TempDir(), nil, nil); !errors.As(err, &exit) || !exit.own() {
		t.Errorf("error %v", err)
	}
}

func TestAProgramThatIsToldToEndDidNotFail(t *testing.T) {
	var exit *ExitError
	err := Tools{FFmpeg: script(t, "kill -KILL $$")}.Run(t.Context(), t.TempDir(), nil, nil)
	if !errors.As(err, &exit) || exit.own() || exit.Signal != syscall.SIGKILL {
		t.Errorf("error %v", err)
	}
}
