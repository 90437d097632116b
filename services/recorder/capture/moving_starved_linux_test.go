package capture_test

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/loom-lite/loom-lite/pkg/child"
	"github.com/loom-lite/loom-lite/services/recorder/chrome"
)

// A thread of Chrome's own hands the pictures of videos to its compositor. Here it seldom runs:
// frames that did not wait for it would show the picture before.
//
// The test runs when LOOM_LONG is set (make long), with nothing beside it: where other programs
// take all of the core's time, that thread does not run at all.
func TestMovingVideoThatSeeksWhileItsPicturesAreHeldUp(t *testing.T) {
	if os.Getenv("LOOM_LONG") == "" {
		t.Skip("LOOM_LONG is not set")
	}
	const seeks = 20
	core := holdCore(t)
	s := playing(30*seeks + 15)
	starved := 0
	s.progress = func(p *chrome.Process, _ int) {
		if starved == 0 {
			starved = starve(p, "VideoFrameCompo", core)
		}
	}
	files := map[string]string{"/media": media(t, "vp8.webm", 30, 60, slowly(videos["vp8.webm"])...)}
	page := slowStyle + `<video src=/media></video>
		<script>const v = document.querySelector("video"); ` + seeking + `</script>`
	shown := numbers(s.showing(t, files, page))
	if starved == 0 {
		t.Fatal("no thread of Chrome's hands pictures over")
	}
	// Chrome may learn too late that frames are to wait for the first. Any may be a frame late.
	for i := 2; i <= seeks; i++ {
		if at, want := 30*i+1, i*21%60+1; shown[at] != want {
			t.Errorf("frame %d shows picture %d, want %d: %v", at, shown[at], want, runs(shown))
		}
	}
}

// holdCore keeps one core busy until the test ends, at the lowest priority but for idle threads,
// and returns which.
func holdCore(t *testing.T) unix.CPUSet {
	t.Helper()
	var all, core unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		t.Fatal(err)
	}
	for cpu := 0; core.Count() == 0; cpu++ {
		if all.IsSet(cpu) {
			core.Set(cpu)
		}
	}
	var end atomic.Bool
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		err := errors.Join(unix.SchedSetaffinity(0, &core), unix.Setpriority(unix.PRIO_PROCESS, 0, 19))
		if err != nil {
			t.Error(err)
			return
		}
		for !end.Load() { //nolint:revive // it is there to be busy
		}
	}()
	t.Cleanup(func() { end.Store(true); <-ended })
	return core
}

// starve lets the threads of a name run on a core only, and only where nothing else would. It
// returns how many there are.
func starve(p *chrome.Process, name string, core unix.CPUSet) (threads int) {
	for pid := range child.Group(p.Group()) {
		tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
		for _, task := range tasks {
			id, err := strconv.Atoi(task.Name())
			comm, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/comm", pid, id))
			if err != nil || strings.TrimSpace(string(comm)) != name {
				continue
			}
			idle := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_IDLE}
			_ = unix.SchedSetAttr(id, &idle, 0)
			_ = unix.SchedSetaffinity(id, &core)
			threads++
		}
	}
	return threads
}
