package local

import (
	"testing"

	"go.uber.org/goleak"
)

// The HTTP server within versitygw leaves two kinds of goroutine behind: one that keeps a clock for
// ever, and one per server that looks every ten seconds whether it should end.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}
