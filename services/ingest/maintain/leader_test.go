package maintain

import (
	"testing"

	"github.com/google/uuid"
)

func TestOneHolderLeadsUntilItsLeaseIsOver(t *testing.T) {
	r := newRig(t)
	a, b := uuid.New(), uuid.New()
	leads := func(holder uuid.UUID, want bool) {
		t.Helper()
		if got := get[bool](r, "select loom.lead($1, 'test', '1 hour')", holder); got != want {
			t.Errorf("it leads: %v, want %v", got, want)
		}
	}
	leads(a, true)
	leads(b, false)
	leads(a, true)
	r.exec("update loom.leader set lease_until = now() - interval '1 second'")
	leads(b, true)
	leads(a, false)
	r.exec("select loom.resign($1)", a) // which leads no more
	leads(a, false)
	r.exec("select loom.resign($1)", b)
	leads(a, true)
}
