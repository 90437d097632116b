package chrome

import (
	"errors"
	"io"
	"os"
	"testing"
	"time"
)

func TestAnInboxMissesNothingHoweverItWaits(t *testing.T) {
	f, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	b := &inbox{f: f}
	const messages = 3000
	got := make(chan []byte)
	go func() {
		all, err := io.ReadAll(b)
		if err != nil {
			t.Errorf("reading ended with %v", err)
		}
		got <- all
	}()
	for i := range messages {
		switch i % 10 {
		case 3:
			b.wait(waiting{alone: true})
		case 5:
			b.wait(waiting{alone: true, cpus: Cores()})
		case 6:
			time.Sleep(time.Millisecond) // it is in the system by now
		case 7:
			b.wait(waiting{})
		case 8: // of two that follow one another the last counts
			b.wait(waiting{alone: true})
			b.wait(waiting{})
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

func TestThePollerNeedNotKnowWhatAThreadWaitsFor(t *testing.T) {
	f, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for _, polled := range []bool{true, false, true} {
		if f, err = reopen(f, polled); err != nil {
			t.Fatal(err)
		}
		if err := f.SetReadDeadline(time.Time{}); errors.Is(err, os.ErrNoDeadline) == polled {
			t.Errorf("polled: %t: setting a deadline returned %v", polled, err)
		}
	}
	_ = f.Close()
}
