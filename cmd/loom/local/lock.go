package local

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// InUseError says that another process runs on a data folder.
type InUseError struct {
	Dir string
	// Holder is how that process described itself: what it is, its process id and since when it
	// runs.
	Holder Holder
}

func (e *InUseError) Error() string {
	return fmt.Sprintf("%s is in use by %s", e.Dir, e.Holder)
}

// Holder describes the process that runs on a data folder.
type Holder struct {
	// Command is the command line's words, such as "loom up".
	Command string
	PID     string
	Since   string
}

func (h Holder) String() string {
	if h.PID == "" {
		return "another process"
	}
	return fmt.Sprintf("%s (process %s, since %s)", h.Command, h.PID, h.Since)
}

// lock is the exclusive right to run on a data folder. The kernel drops it with the process,
// however that ends.
type lock struct{ file *os.File }

// takeLock locks dir for a process that describes itself as command. It returns an *InUseError when
// another process has the lock.
func takeLock(dir, command string) (*lock, error) {
	file, err := os.OpenFile(lockPath(dir), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock data folder: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, &InUseError{Dir: dir, Holder: readHolder(file)}
		}
		return nil, fmt.Errorf("lock data folder %s: %w", dir, err)
	}
	line := fmt.Sprintf("%s\t%d\t%s\n", command, os.Getpid(), time.Now().Format(time.DateTime))
	if err := errors.Join(file.Truncate(0), writeAt(file, line)); err != nil {
		file.Close()
		return nil, fmt.Errorf("lock data folder: %w", err)
	}
	return &lock{file: file}, nil
}

func (l *lock) release() error { return l.file.Close() }

// Running returns the process that runs on dir, if there is one.
func Running(dir string) (Holder, bool) {
	file, err := os.Open(lockPath(dir))
	if err != nil {
		return Holder{}, false
	}
	defer file.Close()
	// The shared lock is granted unless another process holds the exclusive one. Closing the file
	// drops it.
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return readHolder(file), true
	}
	return Holder{}, false
}

func lockPath(dir string) string { return filepath.Join(dir, "lock") }

func readHolder(file *os.File) Holder {
	text, err := io.ReadAll(io.NewSectionReader(file, 0, 1024))
	if err != nil {
		return Holder{}
	}
	fields := strings.Split(strings.TrimSpace(string(text)), "\t")
	if len(fields) != 3 {
		return Holder{}
	}
	return Holder{Command: fields[0], PID: fields[1], Since: fields[2]}
}

func writeAt(file *os.File, text string) error {
	_, err := file.WriteAt([]byte(text), 0)
	return err
}
