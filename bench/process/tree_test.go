package process

import (
	"os/exec"
	"testing"
)

func TestTheTimeOfATreeCounts(t *testing.T) {
	want := burning(t) / 2
	// One that has ended and was waited for, and one that goes on.
	cmd := exec.CommandContext(t.Context(), "sh", "-c", "("+burn+"); echo; read line")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := stdout.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if used, err := Tree(cmd.Process.Pid); err != nil || used < want {
		t.Errorf("%s counted, %v, want at least %s", used, err, want)
	}
	_ = stdin.Close()
	_ = cmd.Wait() // read finds the end of its input
}
