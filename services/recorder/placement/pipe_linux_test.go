package placement

import (
	"errors"
	"io"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

func TestAPipeMissesNothingHoweverItWaits(t *testing.T) {
	t.Run("alone", func(t *testing.T) { missesNothing(t, New(true)) })
	t.Run("beside other still pages", func(t *testing.T) {
		c := New(true)
		c.waiting(runtime.GOMAXPROCS(0)) // so no thread keeps its processor
		missesNothing(t, c)
	})
}

func missesNothing(t *testing.T, c *Cores) {
	t.Helper()
	f, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	b := c.Pipe(f, nobody)
	const messages = 3000
	var read atomic.Int64
	got := make(chan []byte)
	go func() {
		var all []byte
		for p := make([]byte, 512); ; {
			n, err := b.Read(p)
			all = append(all, p[:n]...)
			read.Store(int64(len(all)))
			if err != nil {
				if !errors.Is(err, io.EOF) {
					t.Errorf("reading ended with %v", err)
				}
				got <- all
				return
			}
		}
	}()
	for i := range messages {
		switch i % 10 {
		case 3:
			b.Still(true)
		case 4:
			b.Still(false)
		case 5:
			b.Still(true)
		case 6: // it waits for more before it is told again
			for read.Load() < int64(i) {
				runtime.Gosched()
			}
		case 7:
			b.Still(false)
		case 8: // of two that follow one another the last counts
			b.Still(true)
			b.Still(false)
		}
		if _, err := w.Write([]byte{byte(i)}); err != nil {
			t.Fatal(err)
		}
	}
	_ = w.Close()
	all := <-got
	if len(all) != messages {
		t.Fatalf("%d bytes came of %d", len(all), messages)
	}
	for i, c := range all {
		if c != byte(i) {
			t.Fatalf("byte %d is %d", i, c)
		}
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if _, err := b.Read(make([]byte, 1)); !errors.Is(err, os.ErrClosed) {
		t.Errorf("reading when it is closed ended with %v", err)
	}
}

func TestAPipeWaitsAsItIsAskedTo(t *testing.T) {
	f, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	b := New(true).Pipe(f, nobody)
	read := make(chan error)
	go func() {
		for {
			_, err := b.Read(make([]byte, 1))
			read <- err
			if err != nil {
				return
			}
		}
	}()
	for _, still := range []bool{true, true, false, true, false} {
		b.Still(still)
		for range 2 { // it waits otherwise after the first message, if not before
			if _, err := w.Write([]byte("m")); err != nil {
				t.Fatal(err)
			}
			if err := <-read; err != nil {
				t.Fatal(err)
			}
		}
		if known := !errors.Is(deadline(b), os.ErrNoDeadline); known == still {
			t.Errorf("still: %t: Go's poller knows the pipe: %t", still, known)
		}
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if err := <-read; !errors.Is(err, os.ErrClosed) {
		t.Errorf("reading ended with %v", err)
	}
}

// deadline returns what comes of giving what is read from no deadline.
func deadline(b *Pipe) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.f.SetReadDeadline(time.Time{})
}

func TestThePollerNeedNotKnowWhatAThreadWaitsFor(t *testing.T) {
	f, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for _, polled := range []bool{true, false, true} {
		other, err := duplicate(f, polled)
		if err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
		f = other
		if err := f.SetReadDeadline(time.Time{}); errors.Is(err, os.ErrNoDeadline) == polled {
			t.Errorf("polled: %t: setting a deadline returned %v", polled, err)
		}
	}
	_ = f.Close()
}
