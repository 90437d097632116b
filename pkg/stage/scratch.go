package stage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/google/uuid"
	"github.com/rs/zerolog"
)

// scratch is where a worker's tasks have their folders:
//
//	<work dir>/loom-record-1f0c….lock   locked for as long as the worker lives
//	<work dir>/loom-record-1f0c…/       <task>-a<attempt>/, …
//
// The lock, not a process id, says whether the owner lives: the kernel drops it with the process,
// and it works where containers with process ids of their own share a disk.
type scratch struct {
	dir  string
	lock *os.File
	log  zerolog.Logger
}

// openScratch makes a worker's folder, and removes those of workers of the same verb that ended
// without doing so.
func openScratch(parent, verb string, log zerolog.Logger) (*scratch, error) {
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return nil, fmt.Errorf("make work folder: %w", err)
	}
	prefix := "loom-" + verb + "-"
	removeLeftovers(parent, prefix, log)
	dir := filepath.Join(parent, prefix+uuid.NewString())
	lock, err := takeLock(dir+".lock", createLock)
	if err != nil {
		return nil, fmt.Errorf("make work folder: %w", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		_ = lock.Close()
		return nil, fmt.Errorf("make work folder: %w", err)
	}
	return &scratch{dir: dir, lock: lock, log: log}, nil
}

// folder makes an empty folder for one task.
func (s *scratch) folder(name string) (dir string, remove func(), err error) {
	dir = filepath.Join(s.dir, name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", nil, fmt.Errorf("make the task's folder: %w", err)
	}
	return dir, func() {
		if err := os.RemoveAll(dir); err != nil {
			s.log.Warn().Err(err).Msg("the task's folder could not be removed")
		}
	}, nil
}

func (s *scratch) close() {
	if err := errors.Join(os.RemoveAll(s.dir), os.Remove(s.lock.Name()), s.lock.Close()); err != nil {
		s.log.Warn().Err(err).Msg("the work folder could not be removed")
	}
}

// removeLeftovers removes the folders whose lock nobody holds.
func removeLeftovers(parent, prefix string, log zerolog.Logger) {
	locks, _ := filepath.Glob(filepath.Join(parent, prefix+"*.lock"))
	for _, path := range locks {
		lock, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			continue // another sweep, or its worker, has removed it
		}
		if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil || !isAt(lock, path) {
			_ = lock.Close()
			continue // its worker lives, or another sweep was here first
		}
		dir := strings.TrimSuffix(path, ".lock")
		if err := errors.Join(os.RemoveAll(dir), os.Remove(path), lock.Close()); err != nil {
			log.Warn().Err(err).Msg("the work folder of a worker that is gone could not be removed")
			continue
		}
		log.Info().Str("folder", dir).Msg("removed the work folder of a worker that is gone")
	}
}

// takeLock creates the lock file at path and locks it. Between the two, the sweep of another worker
// can lock the file and remove it: then takeLock waits for the sweep and creates the file again.
func takeLock(path string, create func(path string) (*os.File, error)) (*os.File, error) {
	for {
		file, err := create(path)
		if err != nil {
			return nil, err
		}
		if err := flock(file); err != nil {
			_ = file.Close()
			return nil, fmt.Errorf("lock %s: %w", filepath.Base(path), err)
		}
		if isAt(file, path) {
			return file, nil
		}
		_ = file.Close()
	}
}

func createLock(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
}

// flock locks a file, and waits for the lock.
func flock(file *os.File) error {
	for {
		if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// isAt reports whether path names the open file, and not another one or none.
func isAt(file *os.File, path string) bool {
	opened, err := file.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(path)
	return err == nil && os.SameFile(opened, named)
}
