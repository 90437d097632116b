package access

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// asker counts the look-ups of secrets, of which "good" is known.
type asker struct {
	Strangers

	lookUps atomic.Int64
}

func (a *asker) ask(address, secret string) (wait time.Duration) {
	wait, _ = a.LookUp(address, secret, func() (bool, error) {
		a.lookUps.Add(1)
		return secret == "good", nil
	})
	return wait
}

func TestUnknownSecretsCostAFewLookUpsOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var a asker
		for i := range 100 {
			a.ask("203.0.113.7", fmt.Sprint(i))
		}
		if n := a.lookUps.Load(); n != strangersMost {
			t.Errorf("100 unknown secrets in a row are looked up %d times, not %d", n, strangersMost)
		}
		if wait := a.ask("203.0.113.7", "another"); wait != time.Second {
			t.Errorf("the next may come after %s", wait)
		}
		if a.ask("203.0.113.8", "another") != 0 {
			t.Error("another address waits")
		}
		time.Sleep(time.Second)
		if a.ask("203.0.113.7", "another") != 0 || a.ask("203.0.113.7", "another") == 0 {
			t.Error("after a second, one is looked up")
		}
	})
}

// Many come from the address of a proxy: who is known goes on while somebody guesses beside them,
// and who is new is known a moment later.
func TestWhoIsKnownDoesNotWaitForStrangers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var a asker
		for range 100 { // nobody has failed yet
			if a.ask("192.0.2.1", "good") != 0 {
				t.Fatal("a known secret waits before anybody has failed")
			}
		}
		for i := range 100 {
			a.ask("192.0.2.1", fmt.Sprint(i))
		}
		if a.ask("192.0.2.1", "good") != 0 {
			t.Error("who is known waits for strangers")
		}
		time.Sleep(remembered + time.Minute)
		for i := range 100 {
			a.ask("192.0.2.1", fmt.Sprint(i))
		}
		wait := a.ask("192.0.2.1", "good")
		if wait == 0 {
			t.Error("secrets are remembered for longer than is said")
		}
		time.Sleep(wait)
		for range 2 {
			if a.ask("192.0.2.1", "good") != 0 {
				t.Error("who came again waits")
			}
		}
		if len(a.known) != 1 || len(a.addresses) != 1 {
			t.Errorf("%d secrets and %d addresses are remembered", len(a.known), len(a.addresses))
		}
	})
}

func TestASecretThatWasRevokedIsAStrangers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s Strangers
		lookUps, known := 0, true
		for i := range 100 {
			known = i < 50
			_, _ = s.LookUp("192.0.2.1", "secret", func() (bool, error) { lookUps++; return known, nil })
		}
		if want := 50 + strangersMost; lookUps != want {
			t.Errorf("it is looked up %d times, not %d", lookUps, want)
		}
	})
}

// Whoever has failed pays in advance, so many at once are not looked up either.
func TestManyStrangersAtOnceCostAFewLookUpsOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var a asker
		a.ask("2001:db8::1", "first")
		var group sync.WaitGroup
		for i := range 100 {
			// The whole network of 64 bits is somebody's.
			group.Go(func() { a.ask(fmt.Sprintf("2001:db8::%x", i), fmt.Sprint(i)) })
		}
		group.Wait()
		if n := a.lookUps.Load(); n != strangersMost {
			t.Errorf("%d look-ups", n)
		}
		if a.ask("2001:db8:0:1::1", "another") != 0 || a.ask("::ffff:203.0.113.7", "another") != 0 {
			t.Error("another network waits")
		}
	})
}

// A database that is away says nothing about a secret.
func TestAFailedLookUpCountsForNobody(t *testing.T) {
	t.Parallel()
	away := errors.New("away")
	var s Strangers
	for range 2 * strangersMost {
		if wait, err := s.LookUp("192.0.2.1", "secret", func() (bool, error) { return false, away }); wait != 0 || !errors.Is(err, away) {
			t.Fatalf("%s, %v", wait, err)
		}
	}
}
