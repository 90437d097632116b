package service

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"
)

// asService in the environment makes the test's binary a service, for tests of signals and exit
// statuses.
const asService = "LOOM_TEST_AS_SERVICE"

func TestMain(m *testing.M) {
	switch os.Getenv(asService) {
	case "drains":
		Main("test", func(ctx context.Context, _ map[string]string, _ zerolog.Logger) error {
			fmt.Fprintln(os.Stdout, "working")
			<-ctx.Done()
			fmt.Fprintln(os.Stdout, "draining")
			return nil
		})
	case "hangs":
		Main("test", func(ctx context.Context, _ map[string]string, _ zerolog.Logger) error {
			fmt.Fprintln(os.Stdout, "working")
			<-ctx.Done()
			fmt.Fprintln(os.Stdout, "draining")
			select {}
		})
	}
	goleak.VerifyTestMain(m)
}
