package child

import (
	"fmt"
	"os"
	"syscall"
)

// Info is a process as it was when it was found.
type Info struct {
	Pid  int
	Name string
	// Zombie is true when it has ended and nobody has waited for it yet. One whose first thread has
	// ended before others looks the same.
	Zombie bool

	parent int
	// start tells it apart from a later process of the same number; empty where that is unknown.
	start string
}

func (i Info) String() string { return fmt.Sprintf("%s (%d)", i.Name, i.Pid) }

// Alive reports whether the process still runs. A zombie does not.
func (i Info) Alive() bool {
	now, ok := find(i.Pid)
	return ok && now.start == i.start && !now.Zombie
}

// Descendants returns all processes below root, near and far, zombies included.
func Descendants(root int) ([]Info, error) {
	all, err := list()
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	children := map[int][]Info{}
	for _, i := range all {
		children[i.parent] = append(children[i.parent], i)
	}
	found := children[root]
	for n := 0; n < len(found); n++ {
		found = append(found, children[found[n].Pid]...)
	}
	return found, nil
}

// KillDescendants kills all processes that this one has started, near and far, whatever their
// groups. All of them are found before the first is killed: its children get another parent then.
func KillDescendants() error {
	all, err := Descendants(os.Getpid())
	if err != nil {
		return err
	}
	for _, i := range all {
		_ = syscall.Kill(i.Pid, syscall.SIGKILL) // it may have ended
	}
	return nil
}
