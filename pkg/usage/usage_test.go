package usage

import (
	"context"
	"testing"
	"time"
)

func TestTheProcessesTimeIsDividedAmongThoseThatAreThere(t *testing.T) {
	var spent time.Duration
	d := &divider{spent: func() time.Duration { return spent }}
	spent = time.Hour // while nobody was there
	a := d.begin()
	spent += 2 * time.Second // a's alone
	b := d.begin()
	spent += 6 * time.Second // of both
	got := d.end(a)
	spent += time.Second // b's alone
	if gotB := d.end(b); got != 5*time.Second || gotB != 4*time.Second {
		t.Errorf("they are %s and %s, of 9 s together", got, gotB)
	}
	spent += time.Hour
	if c := d.begin(); d.end(c) != 0 {
		t.Error("a share has time from before it began")
	}
}

func TestAShareIsOfThisProcess(t *testing.T) {
	s := Begin()
	for begin, n := own(), 0; own()-begin < 20*time.Millisecond; {
		n++
	}
	if cpu := s.End(); cpu < 20*time.Millisecond {
		t.Errorf("the share is %s", cpu)
	}
}

func TestAnAccountTravelsWithTheContext(t *testing.T) {
	var a Account
	ctx := With(t.Context(), &a)
	From(ctx).AddCPU(time.Second)
	From(ctx).AddCPU(-time.Second)
	From(ctx).AddIn(1)
	From(ctx).AddOut(2)
	From(ctx).AddWeb(3)
	if in, out, web := a.Bytes(); a.CPU() != time.Second || in != 1 || out != 2 || web != 3 {
		t.Errorf("the account has %s, %d, %d, %d", a.CPU(), in, out, web)
	}
	none := From(context.Background())
	none.AddCPU(time.Second)
	none.AddIn(1)
	none.AddOut(1)
	none.AddWeb(1)
}
