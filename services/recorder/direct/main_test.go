package direct_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/loom-lite/loom-lite/services/recorder/direct"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(direct.Chromes.Around(m)) }
