package e2e

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/loom-lite/loom-lite/e2e/rig"
	"github.com/loom-lite/loom-lite/pkg/child"
)

func TestMain(m *testing.M) {
	// What a killed worker leaves behind becomes a child of this process, and is found at the end.
	if err := child.AdoptOrphans(); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := rig.End(); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	for _, c := range rig.Orphans() {
		_, _ = fmt.Fprintln(os.Stderr, "left behind:", c)
		code = 1
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			_, _ = fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	if err := errors.Join(rig.RemovePrograms(), rig.RemovePostgres(), rig.RemoveFacecams()); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}
