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

// Kept are the facecams that this process fetched last: each of a render's segments needs the same
// one. It has a link to each beside the folder of the task that fetched it, in the worker's folder,
// which goes with the worker, or when the next one starts; and an open file, for where no links can
// be made. Nil, and the zero value, keep nothing.
type Kept struct {
	// MaxBytes bounds what all of them take on disk.
	MaxBytes int64

	mu    sync.Mutex
	files []*kept // the one used last is the last
}

// kept is one facecam. All but ready is guarded by Kept.mu until ready is closed; then only users
// changes.
type kept struct {
	key   string
	ready chan struct{}
	file  *os.File // nil: it could not be fetched
	name  string   // the link's; empty: there is none
	size  int64
	users int
	about *ffmpeg.File // guarded by Kept.mu; nil until it was inspected
}

// Get makes a new file at path, in a task's folder, of the facecam whose object has the given key.
// It calls fetch, which does that, when no other call has done so or is about to. Nobody may write
// to the file: other tasks have the same one.
func (k *Kept) Get(ctx context.Context, key, path string, fetch func() error) error {
	if k == nil || k.MaxBytes <= 0 {
		return fetch()
	}
	one, isNew := k.use(key)
	defer k.release(one)
	if isNew {
		return k.first(one, path, fetch)
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

// Inspect returns what inspect finds out about the facecam with the given key, which Get has
// written. It calls inspect when no other call has, since the facecam is kept. Nobody may change
// what it returns.
func (k *Kept) Inspect(key string, inspect func() (ffmpeg.File, error)) (ffmpeg.File, error) {
	if k == nil {
		return inspect()
	}
	if about := k.about(key, nil); about != nil {
		return *about, nil
	}
	file, err := inspect() // two at once do no harm
	if err == nil {
		k.about(key, &file)
	}
	return file, err
}

// about returns what is known about a facecam that is kept, having added found if that is not nil.
func (k *Kept) about(key string, found *ffmpeg.File) *ffmpeg.File {
	k.mu.Lock()
	defer k.mu.Unlock()
	i := k.place(key)
	if i < 0 {
		return nil
	}
	if found != nil {
		k.files[i].about = found
	}
	return k.files[i].about
}

// place is where a facecam is in k.files; negative when it is not. The caller holds mu.
func (k *Kept) place(key string) int {
	return slices.IndexFunc(k.files, func(f *kept) bool { return f.key == key })
}

func (k *Kept) use(key string) (one *kept, isNew bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	i := k.place(key)
	if i < 0 {
		one, isNew = &kept{key: key, ready: make(chan struct{})}, true
	} else {
		one = k.files[i]
		k.files = slices.Delete(k.files, i, i+1)
	}
	one.users++
	k.files = append(k.files, one)
	return one, isNew
}

// first fetches a facecam, and links and opens it for those that come later.
func (k *Kept) first(one *kept, path string, fetch func() error) error {
	defer close(one.ready)
	err := fetch()
	k.mu.Lock()
	defer k.mu.Unlock()
	if err == nil {
		// Failing to keep it is not failing to fetch it.
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
		k.files = slices.DeleteFunc(k.files, func(f *kept) bool { return f == one })
	}
	return err
}

// release drops what is too much, the one unused for longest first.
func (k *Kept) release(one *kept) {
	k.mu.Lock()
	defer k.mu.Unlock()
	one.users--
	total := int64(0)
	for _, f := range slices.Backward(k.files) {
		total += f.size
		if total > k.MaxBytes && f.users == 0 {
			total -= f.size
			k.drop(f)
		}
	}
}

// drop forgets a facecam that nobody uses. The caller holds mu.
func (k *Kept) drop(one *kept) {
	k.files = slices.DeleteFunc(slices.Clone(k.files), func(f *kept) bool { return f == one })
	if one.file != nil {
		_ = one.file.Close()
	}
	if one.name != "" {
		_ = os.Remove(one.name)
	}
}

// Close forgets all facecams. No call of Get may be under way.
func (k *Kept) Close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, f := range slices.Clone(k.files) {
		k.drop(f)
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
