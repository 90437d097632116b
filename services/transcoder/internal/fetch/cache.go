package fetch

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
)

// Cache holds the facecams that this process fetched last: all segments of a render need the same
// one. For each it has a link beside the folder of the task that fetched it, and an open file for
// where links cannot be made. The links are in the worker's folder, which is removed when the
// worker ends, or when the next one starts. A nil Cache and the zero value hold nothing.
type Cache struct {
	// MaxBytes bounds the size of all facecams on disk together.
	MaxBytes int64

	mu      sync.Mutex
	entries []*entry // least recently used first
}

// entry is one facecam. Cache.mu guards all fields but ready until ready is closed; after that only
// users and headers change.
type entry struct {
	key     string
	ready   chan struct{}
	file    *os.File // nil: it could not be fetched
	name    string   // the link's; empty: there is none
	size    int64
	users   int
	headers *ffmpeg.File // guarded by Cache.mu; nil until the file was inspected
}

// Get creates a file at path, in a task's folder, with the facecam whose object has the given key.
// It calls fetch to create that file, unless another call has fetched the facecam or is about to.
// The file must not be written to: other tasks share it.
func (c *Cache) Get(ctx context.Context, key, path string, fetch func() error) error {
	if c == nil || c.MaxBytes <= 0 {
		return fetch()
	}
	one, isNew := c.use(key)
	defer c.release(one)
	if isNew {
		return c.first(one, path, fetch)
	}
	select {
	case <-one.ready:
	case <-ctx.Done():
		return fmt.Errorf("fetch the facecam: %w", context.Cause(ctx))
	}
	if one.file == nil {
		return fetch()
	}
	if one.name != "" && os.Link(one.name, path) == nil {
		return nil
	}
	return copyTo(path, io.NewSectionReader(one.file, 0, one.size))
}

// Inspect returns what inspect returns for the facecam with the given key, which Get has written.
// It calls inspect once while the facecam is in the cache. The caller must not change the result.
func (c *Cache) Inspect(key string, inspect func() (ffmpeg.File, error)) (ffmpeg.File, error) {
	if c == nil {
		return inspect()
	}
	if headers := c.headers(key, nil); headers != nil {
		return *headers, nil
	}
	file, err := inspect() // two calls at once do no harm
	if err == nil {
		c.headers(key, &file)
	}
	return file, err
}

// headers returns the headers of a cached facecam, after setting them if found is not nil.
func (c *Cache) headers(key string, found *ffmpeg.File) *ffmpeg.File {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := c.index(key)
	if i < 0 {
		return nil
	}
	if found != nil {
		c.entries[i].headers = found
	}
	return c.entries[i].headers
}

// index returns the place of a facecam in c.entries, -1 if there is none. The caller holds mu.
func (c *Cache) index(key string) int {
	return slices.IndexFunc(c.entries, func(f *entry) bool { return f.key == key })
}

// use returns the entry of a key, creating it if there is none. The caller releases it.
func (c *Cache) use(key string) (one *entry, isNew bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := c.index(key)
	if i < 0 {
		one, isNew = &entry{key: key, ready: make(chan struct{})}, true
	} else {
		one = c.entries[i]
		c.entries = slices.Delete(c.entries, i, i+1)
	}
	one.users++
	c.entries = append(c.entries, one)
	return one, isNew
}

// first fetches a facecam, and links and opens it for later calls.
func (c *Cache) first(one *entry, path string, fetch func() error) error {
	defer close(one.ready)
	err := fetch()
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		// A file that cannot be cached is not a failed fetch.
		if file, openErr := os.Open(path); openErr == nil {
			if info, statErr := file.Stat(); statErr == nil {
				one.file, one.size = file, info.Size()
				if name := filepath.Dir(path) + ".facecam"; os.Link(path, name) == nil {
					one.name = name
				}
			} else {
				_ = file.Close()
			}
		}
	}
	if one.file == nil {
		c.entries = slices.DeleteFunc(c.entries, func(f *entry) bool { return f == one })
	}
	return err
}

// release ends the use of an entry, and drops entries that are too much, least recently used first.
func (c *Cache) release(one *entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	one.users--
	total := int64(0)
	for _, f := range slices.Backward(c.entries) {
		total += f.size
		if total > c.MaxBytes && f.users == 0 {
			total -= f.size
			c.drop(f)
		}
	}
}

// drop removes an entry that is not in use. The caller holds mu.
func (c *Cache) drop(one *entry) {
	c.entries = slices.DeleteFunc(slices.Clone(c.entries), func(f *entry) bool { return f == one })
	if one.file != nil {
		_ = one.file.Close()
	}
	if one.name != "" {
		_ = os.Remove(one.name)
	}
}

// Close removes all facecams. No call of Get may be running.
func (c *Cache) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range slices.Clone(c.entries) {
		c.drop(f)
	}
}

func copyTo(path string, from io.Reader) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return ourFault(err)
	}
	_, err = io.Copy(file, from)
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return ourFault(err)
	}
	return nil
}
