package direct_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/loom-lite/loom-lite/services/recorder/direct"
	"github.com/loom-lite/loom-lite/services/recorder/internal/chrometest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(chrometest.Around(m, &direct.Pool)) }
