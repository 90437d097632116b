package child

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

func TestAChildThatUsesTooMuchFails(t *testing.T) {
	const mib = 1 << 20
	for _, test := range []struct {
		name, script string
		limits       Limits
	}{
		{
			"memory", "until [ $(ulimit -d) != unlimited ]; do :; done; head -c 300000000 /dev/zero | tail -c 300000000 >/dev/null",
			Limits{Memory: 64 * mib},
		},
		{"time", "while :; do :; done", Limits{CPU: time.Second}},
		{"disk", "until [ $(ulimit -f) != unlimited ]; do :; done; head -c 3000000 /dev/zero >big", Limits{File: mib}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			_, err := Run(t.Context(), shell(dir, test.script), Options{Grace: grace, Limits: &test.limits}, discard)
			var exit *exec.ExitError
			if !errors.As(err, &exit) {
				t.Errorf("error %v", err)
			}
			if info, err := os.Stat(filepath.Join(dir, "big")); err == nil && info.Size() > mib {
				t.Errorf("%d bytes were written", info.Size())
			}
		})
	}
}

func TestAChildWithinItsLimitsIsLeftAlone(t *testing.T) {
	t.Parallel()
	limits := Limits{Memory: 1 << 30, CPU: time.Hour, File: 1 << 20}
	if _, err := Run(t.Context(), shell(t.TempDir(), "head -c 1000000 /dev/zero >small"), Options{Grace: grace, Limits: &limits}, discard); err != nil {
		t.Error(err)
	}
}
