package child

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
)

// Kept is a program that ends, and its folder with it, when this process does, however that ends.
type Kept struct {
	// alive is the keeper's standard input, which it reads to its end. It is never written to.
	alive *os.File
}

// keeper runs a program until its standard input ends, which it does when the process that holds
// the other end does, even by kill -9.
const keeper = `signal=$1 home=$2
shift 2
"$@" &
server=$!
cat >/dev/null
kill -"$signal" $server
wait $server
rm -rf "$home"`

// StartKept starts cmd under a shell that sends it a signal, waits for its end and removes the
// folder home when this process ends. It is for the server that a test process shares among its
// tests, and which no test may stop. cmd's standard input cannot be set.
func StartKept(cmd *exec.Cmd, home string, signal syscall.Signal) (*Kept, error) {
	name := filepath.Base(cmd.Path)
	input, alive, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	defer input.Close()
	cmd.Args = append([]string{"sh", "-c", keeper, "keeper", strconv.Itoa(int(signal)), home, cmd.Path}, cmd.Args[1:]...)
	cmd.Path, cmd.Stdin = "/bin/sh", input
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	// A Ctrl-C ends this process, and the keeper then ends the program.
	cmd.SysProcAttr.Setpgid = true
	if err := cmd.Start(); err != nil {
		_ = alive.Close()
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	k := &Kept{alive}
	open.Store(k, nil)
	return k, nil
}

// open are the kept programs: the garbage collector would close the file of one that the caller
// forgets.
var open sync.Map

// Close ends the program and removes its folder, now, without waiting for either.
func (k *Kept) Close() error {
	open.Delete(k)
	return k.alive.Close()
}
