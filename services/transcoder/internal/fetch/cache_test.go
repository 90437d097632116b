package fetch

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// source is a fake store of objects that counts fetches.
type source struct{ fetches atomic.Int64 }

func (s *source) to(path string, data []byte) func() error {
	return func() error {
		s.fetches.Add(1)
		return os.WriteFile(path, data, 0o600)
	}
}

func get(t *testing.T, c *Cache, s *source, key string, data []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "facecam")
	if err := c.Get(t.Context(), key, path, s.to(path, data)); err != nil {
		t.Error(err)
		return
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v; want %d", len(got), err, len(data))
	}
	// As a task does when it ends.
	if err := os.Remove(path); err != nil {
		t.Error(err)
	}
}

func TestAFacecamIsFetchedOnceForAllSegments(t *testing.T) {
	var s source
	c := &Cache{MaxBytes: 1 << 20}
	defer c.Close()
	data := bytes.Repeat([]byte("facecam"), 10_000)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { get(t, c, &s, "a", data) })
	}
	all.Wait()
	get(t, c, &s, "a", data)
	if n := s.fetches.Load(); n != 1 {
		t.Errorf("fetched %d times", n)
	}
}

func TestACachedFacecamIsNotCopied(t *testing.T) {
	var s source
	c := &Cache{MaxBytes: 2500}
	defer c.Close()
	scratch, data := t.TempDir(), bytes.Repeat([]byte("f"), 1000)
	task := func(name, key string) (path string) {
		t.Helper()
		path = filepath.Join(scratch, name, "facecam")
		if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := c.Get(t.Context(), key, path, s.to(path, data)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	end := func(path string) {
		t.Helper()
		if err := os.RemoveAll(filepath.Dir(path)); err != nil {
			t.Fatal(err)
		}
	}
	same := func(a, b string) bool {
		t.Helper()
		first, err1 := os.Stat(a)
		second, err2 := os.Stat(b)
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		return os.SameFile(first, second)
	}
	one, two := task("1", "a"), task("2", "a")
	if !same(one, two) {
		t.Error("the second task has a copy")
	}
	end(one)
	three := task("3", "a")
	if !same(two, three) {
		t.Error("the third task has a copy, for the first one has ended")
	}
	end(two)
	end(three)
	last := task("4", "a")
	if got, err := os.ReadFile(last); err != nil || !bytes.Equal(got, data) || s.fetches.Load() != 1 {
		t.Errorf("%d bytes, %v, fetched %d times", len(got), err, s.fetches.Load())
	}
	// A file that exists may be the cached one itself, and must not be written to.
	if err := c.Get(t.Context(), "a", last, nil); !errors.Is(err, os.ErrExist) {
		t.Errorf("error %v", err)
	}
	if got, err := os.ReadFile(last); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v, after it was to be written again", len(got), err)
	}
	end(last)
	for _, key := range []string{"b", "c", "d"} {
		end(task(key, key))
	}
	if left, err := os.ReadDir(scratch); err != nil || len(left) != 2 {
		t.Errorf("%d facecams are kept on disk, %v", len(left), err)
	}
	c.Close()
	if left, err := os.ReadDir(scratch); err != nil || len(left) != 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}

func TestACachedFacecamIsCopiedWhereItCannotBeLinked(t *testing.T) {
	var s source
	c := &Cache{MaxBytes: 1 << 20}
	defer c.Close()
	data := []byte("facecam")
	get(t, c, &s, "a", data)
	c.entries[0].name = filepath.Join(t.TempDir(), "none")
	get(t, c, &s, "a", data)
	c.entries[0].name = ""
	get(t, c, &s, "a", data)
	if n := s.fetches.Load(); n != 1 {
		t.Errorf("fetched %d times", n)
	}
}

func TestTheCacheIsBounded(t *testing.T) {
	var s source
	c := &Cache{MaxBytes: 2500}
	data := make([]byte, 1000)
	for i := range 10 {
		get(t, c, &s, strconv.Itoa(i), data)
	}
	if len(c.entries) != 2 || c.entries[0].key != "8" || c.entries[1].key != "9" {
		t.Errorf("%d facecams are kept", len(c.entries))
	}
	get(t, c, &s, "8", data)
	get(t, c, &s, "10", data)
	get(t, c, &s, "8", data)
	if n := s.fetches.Load(); n != 11 {
		t.Errorf("fetched %d times, want 11: the one used last is not the one to drop", n)
	}
	get(t, c, &s, "large", make([]byte, 5000))
	if len(c.entries) != 0 && c.entries[len(c.entries)-1].key == "large" {
		t.Error("one that is larger than all may be was kept")
	}
	c.Close()
	if len(c.entries) != 0 {
		t.Errorf("%d facecams are kept after the end", len(c.entries))
	}
}

func TestOneCallsFailureIsNotThatOfTheOthers(t *testing.T) {
	var s source
	c := &Cache{MaxBytes: 1 << 20}
	defer c.Close()
	failed := errors.New("no")
	begun, fail := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		err := c.Get(t.Context(), "a", filepath.Join(t.TempDir(), "facecam"), func() error { close(begun); <-fail; return failed })
		if !errors.Is(err, failed) {
			t.Errorf("error %v", err)
		}
	})
	<-begun
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("told to stop")
	cancel(stopped)
	if err := c.Get(ctx, "a", filepath.Join(t.TempDir(), "facecam"), nil); !errors.Is(err, stopped) {
		t.Errorf("error %v", err)
	}
	all.Go(func() { get(t, c, &s, "a", []byte("a")) })
	close(fail)
	all.Wait()
	get(t, c, &s, "a", []byte("a"))
}

func TestAFacecamIsInspectedOnceWhileItIsCached(t *testing.T) {
	var s source
	c := &Cache{MaxBytes: 1500}
	defer c.Close()
	inspected := 0
	inspect := func(key string) string {
		t.Helper()
		file, err := c.Inspect(key, func() (ffmpeg.File, error) {
			inspected++
			return ffmpeg.File{Streams: []ffmpeg.Stream{{Codec: key}}}, nil
		})
		if err != nil {
			t.Error(err)
		}
		return file.Streams[0].Codec
	}
	get(t, c, &s, "a", make([]byte, 1000))
	if _, err := c.Inspect("a", func() (ffmpeg.File, error) { return ffmpeg.File{}, context.Canceled }); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	for range 3 {
		if got := inspect("a"); got != "a" {
			t.Errorf("found out %q", got)
		}
	}
	if inspected != 1 {
		t.Errorf("inspected %d times, want once", inspected)
	}
	get(t, c, &s, "b", make([]byte, 1000)) // and a is dropped
	if got := inspect("b"); got != "b" || inspected != 2 {
		t.Errorf("found out %q of another facecam, inspected %d times in all", got, inspected)
	}
	get(t, c, &s, "a", make([]byte, 1000))
	if inspect("a"); inspected != 3 {
		t.Error("what was found out outlived the file")
	}
}
