// Package accesstest gives tests somebody who does what they do.
package accesstest

import (
	"context"
	"testing"

	"github.com/loom-lite/loom-lite/services/console/access"
)

// Operator returns the test's context, in which an operator may do everything.
func Operator(t testing.TB) context.Context {
	t.Helper()
	return access.With(t.Context(), access.Principal{ID: "test", Name: t.Name(), Kind: access.Operator, Scope: access.Admin})
}
