package recorder

import (
	"bytes"
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
)

// A browser that hangs, dies or eats memory costs its own scene this attempt, and the scenes beside
// it nothing.
func TestAScenesBrowserIsNobodyElses(t *testing.T) {
	srv := httptest.NewServer(page(moving))
	defer srv.Close()
	hog := httptest.NewServer(script(`const a = []; setInterval(() => a.push(new Uint8Array(1e8).fill(7)), 5)`))
	defer hog.Close()
	h := testHandler(t)
	h.memory, h.bounds = tight, patient
	const frames = 30
	for name, bad := range map[string]struct {
		url    string
		signal syscall.Signal
		code   msg.Code
	}{
		"hung":   {srv.URL, syscall.SIGSTOP, msg.CodeSceneTimeout},
		"dead":   {srv.URL, syscall.SIGKILL, msg.CodeSceneCrashed},
		"hungry": {hog.URL, 0, msg.CodeSceneMemory},
	} {
		t.Run(name, func(t *testing.T) {
			begun := make(chan struct{}) // both record by then
			over := make(chan struct{})  // the bad one has ended
			var ready, done sync.WaitGroup
			ready.Add(2)
			go func() { ready.Wait(); close(begun) }()
			record := func(url string, signal syscall.Signal) (facts msg.RecordFacts, err error) {
				dir := t.TempDir()
				var once sync.Once
				facts, err = h.Record(t.Context(), Job{
					Params: msg.RecordParams{Scene: 1, URL: url, Width: 320, Height: 180, Rate: msg.FPS(60), Frames: frames},
					Dir:    dir, Log: zerolog.Nop(),
					Progress: func(n int) {
						switch {
						case n == 10:
							once.Do(ready.Done)
							<-begun
							if signal != 0 {
								signalChrome(t, dir, signal)
							}
						case n == 20 && url == srv.URL && signal == 0:
							<-over
						}
					},
				})
				once.Do(ready.Done) // it ended before
				noneLeft(t, dir)
				if pids := running(t, dir); len(pids) > 0 {
					t.Errorf("processes %v are left", pids)
				}
				return facts, err
			}
			done.Go(func() {
				defer close(over)
				_, err := record(bad.url, bad.signal)
				var failure *stage.Error
				if !errors.As(err, &failure) || failure.Code != bad.code {
					t.Errorf("the scene ended with %v, want %s", err, bad.code)
				}
			})
			done.Go(func() {
				facts, err := record(srv.URL, 0)
				if err != nil || facts.Frames != frames || facts.Distinct < frames-1 {
					t.Errorf("the scene beside it came to %d pictures of %d: %v", facts.Distinct, frames, err)
				}
			})
			done.Wait()
		})
	}
}

// signalChrome sends a signal to every process of the Chrome whose profile is in dir.
func signalChrome(t *testing.T, dir string, signal syscall.Signal) {
	t.Helper()
	pids := running(t, dir)
	if len(pids) == 0 {
		t.Error("no Chrome is running")
		return
	}
	if group, err := syscall.Getpgid(pids[0]); err == nil {
		_ = syscall.Kill(-group, signal)
	}
}

// running returns the processes whose command lines name a folder.
func running(t *testing.T, dir string) (pids []int) {
	t.Helper()
	paths, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range paths {
		cmdline, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(cmdline, []byte(dir)) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}
