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
// The lock, not a process id, tells whose owner is gone: it ends with the process, and works where
// containers with process ids of their own share a disk.
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
	lock, err := acquire(dir + ".lock")
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

func removeLeftovers(parent, prefix string, log zerolog.Logger) {
	locks, _ := filepath.Glob(filepath.Join(parent, prefix+"*.lock"))
	for _, path := range locks {
		lock, err := acquire(path)
		if err != nil {
			continue // its worker lives
		}
		dir := strings.TrimSuffix(path, ".lock")
		if err := errors.Join(os.RemoveAll(dir), os.Remove(path), lock.Close()); err != nil {
			log.Warn().Err(err).Msg("the work folder of a worker that is gone could not be removed")
			continue
		}
		log.Info().Str("folder", dir).Msg("removed the work folder of a worker that is gone")
	}
}

// acquire locks the file at path, which it makes first where it is missing. Its error is that
// somebody else has it.
func acquire(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("lock %s: %w", filepath.Base(path), err)
	}
	return file, nil
}
