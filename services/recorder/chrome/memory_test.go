package chrome

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/pkg/child"
)

func TestAChromeThatOutgrowsItsLimitIsKilled(t *testing.T) {
	p := start(t, Options{MemoryLimit: 1 << 20}) // less than any needs
	defer func() { _ = p.Close() }()
	<-p.Client.Closed()
	if err := p.OutOfMemory(); err == nil || !strings.Contains(err.Error(), "MB of memory") {
		t.Errorf("it was out of memory: %v", err)
	}
}

func TestAChromeWithinItsLimitLives(t *testing.T) {
	p := start(t, Options{MemoryLimit: 4 << 30})
	if _, err := p.Client.Call(context.Background(), "", proto.TargetGetTargets{}.ProtoReq(), nil); err != nil {
		t.Fatalf("call Chrome: %v; it said: %s", err, p.Stderr())
	}
	var memory groupMemory
	held := memory.read(p.Group())
	if held < 1<<20 || held > 4<<30 {
		t.Errorf("it holds %d bytes", held)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.OutOfMemory(); err != nil {
		t.Errorf("it was out of memory: %v", err)
	}
	if held := memory.read(p.Group()); held != 0 {
		t.Errorf("%d bytes are held by nobody", held)
	}
}

func TestAFullHeapIsToldApartFromACrash(t *testing.T) {
	p := &Process{stderr: &child.Tail{}}
	_, _ = p.stderr.Write([]byte("[1:ERROR:v8_oom.cc:49] V8 javascript OOM (CALL_AND_RETRY_LAST).\n"))
	if p.OutOfMemory() == nil {
		t.Error("a full heap is no want of memory")
	}
	crashed := &Process{stderr: &child.Tail{}}
	_, _ = crashed.stderr.Write([]byte("# Fatal error in x\n"))
	if err := crashed.OutOfMemory(); err != nil {
		t.Errorf("a crash became %v", err)
	}
}

func TestMemoryIsLookedAtBeforeAPageCanHaveTakenIt(t *testing.T) {
	for left, want := range map[int64]time.Duration{
		0:         memoryEvery,
		1 << 30:   memoryEvery,
		4 << 30:   500 * time.Millisecond,
		1 << 50:   memoryWithin,
		1<<63 - 1: memoryWithin,
	} {
		if got := readAgain(left); got < want-5*time.Millisecond || got > want+5*time.Millisecond {
			t.Errorf("with %d bytes left it is read again in %s, want %s", left, got, want)
		}
	}
}
