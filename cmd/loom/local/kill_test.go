package local

import (
	"bufio"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// KillChildren kills all that this process has started, other tests' servers too: so it runs in a
// process of its own.
func TestKillChildrenReachesGrandchildrenInOtherGroups(t *testing.T) {
	if os.Getenv("LOOM_TEST_KILL") != "" {
		killOwnTree(t)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run", "^TestKillChildrenReachesGrandchildrenInOtherGroups$")
	cmd.Env = append(os.Environ(), "LOOM_TEST_KILL=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

func killOwnTree(t *testing.T) {
	// A shell whose child ignores SIGTERM, in a process group of its own.
	cmd := exec.Command("sh", "-c", `(trap '' TERM; sleep 60 & echo $!; wait) & wait`)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	grandchild, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	KillChildren()
	if err := cmd.Wait(); err == nil {
		t.Error("the child ended well")
	}
	// Dead at once; gone when whoever inherited it has reaped it.
	deadline := time.Now().Add(10 * time.Second)
	for syscall.Kill(grandchild, 0) == nil && !zombie(grandchild) {
		if time.Now().After(deadline) {
			t.Fatal("the grandchild still runs")
		}
	}
}

// zombie reports whether a process has ended and waits to be reaped.
func zombie(pid int) bool {
	if stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat"); err == nil {
		_, state, _ := strings.Cut(string(stat), ") ")
		return strings.HasPrefix(state, "Z")
	}
	out, err := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && strings.HasPrefix(strings.TrimSpace(string(out)), "Z")
}
