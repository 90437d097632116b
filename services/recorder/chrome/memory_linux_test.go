package chrome

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestMemoryThatGrowsIsSeen(t *testing.T) {
	var memory groupMemory
	before := memory.read(unix.Getpgrp())
	grows, err := unix.Mmap(-1, 0, 64<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE|unix.MAP_POPULATE)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Munmap(grows) }()
	if after := memory.read(unix.Getpgrp()); after < before+48<<20 {
		t.Errorf("%d bytes became %d, of 64 MB more", before, after)
	}
}

func TestWhatMemoryConsistsOfIsAskedForAnew(t *testing.T) {
	var memory groupMemory
	right := memory.read(unix.Getpgrp())
	for dir, p := range memory.known {
		p.held += 1 << 40
		memory.known[dir] = p
	}
	if held := memory.read(unix.Getpgrp()); held < 1<<40 {
		t.Fatalf("%d bytes: it was asked for each time", held)
	}
	for reads := 2; reads <= refreshEvery; reads++ {
		if held := memory.read(unix.Getpgrp()); held < right+1<<40 {
			return
		}
	}
	t.Errorf("in %d reads it was not", refreshEvery)
}
