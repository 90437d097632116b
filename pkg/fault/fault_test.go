package fault

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// TestMain is the process that is to be killed when its environment says so.
func TestMain(m *testing.M) {
	if os.Getenv("FAULT_KILL") == "" {
		os.Exit(m.Run())
	}
	for range 3 {
		Here(JobClaimed)
		Here(PlanWritten)
	}
}

func TestAReleaseIsNotKilledByItsEnvironment(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "FAULT_KILL="+string(PlanWritten))
	if err := cmd.Run(); err != nil {
		t.Error(err)
	}
}

func TestTheSuitesBuildKillsItselfAtTheStep(t *testing.T) {
	program := t.TempDir() + "/killed"
	if out, err := exec.Command("go", "test", "-c", "-tags", "faults", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for pass, killed := range map[string]bool{"": true, "1": true, "3": true, "4": false} {
		cmd := exec.Command(program)
		cmd.Env = append(os.Environ(), "FAULT_KILL="+string(PlanWritten), "FAULT_PASS="+pass)
		err := cmd.Run()
		var exit *exec.ExitError
		if errors.As(err, &exit) != killed || killed && exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Errorf("pass %q: %v", pass, err)
		}
	}
}
