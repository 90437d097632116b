package process

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/loom-lite/loom-lite/pkg/child"
)

func TestMain(m *testing.M) {
	// Orphans of this process are its children from here on, as in the bench's worker.
	if err := child.AdoptOrphans(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// burn is a shell's loop that takes a good part of a second of CPU time.
const burn = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"

// burning returns what burn takes here.
func burning(t *testing.T) time.Duration {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", burn)
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}

func TestTheTimeOfOrphansCounts(t *testing.T) {
	want := burning(t) / 2 // the same work may take less the second time
	before, err := Used()
	if err != nil {
		t.Fatal(err)
	}
	// Its first process ends at once.
	if err := exec.CommandContext(t.Context(), "sh", "-c", "("+burn+") >/dev/null 2>&1 & exit 0").Run(); err != nil {
		t.Fatal(err)
	}
	if err := End(5 * time.Minute); err != nil {
		t.Fatal(err)
	}
	after, err := Used()
	if err != nil {
		t.Fatal(err)
	}
	if used := after.Children - before.Children; used < want {
		t.Errorf("%s counted, want at least %s", used, want)
	}
}

func TestWhatDoesNotEndIsKilled(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "sh", "-c", "trap '' TERM HUP; sleep 1000 >/dev/null 2>&1 & echo $!; exit 0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := End(0); err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(fmt.Sprintf("/proc/%d", pid)); err == nil {
		t.Errorf("process %d still lives", pid)
	}
}

func TestAProcessStaysOnItsCore(t *testing.T) {
	cores, err := Cores()
	if err != nil || len(cores) == 0 {
		t.Fatalf("cores %v, %v", cores, err)
	}
	last := cores[len(cores)-1]
	var out bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "sh", "-c", "sh -c 'grep Cpus_allowed_list /proc/self/status'; exit 0")
	cmd.Stdout = &out
	if err := OnCore(last, cmd.Start); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if fields := strings.Fields(out.String()); len(fields) != 2 || fields[1] != strconv.Itoa(last) {
		t.Errorf("it says %q, want core %d", out.String(), last)
	}
	if again, err := Cores(); err != nil || !slices.Equal(again, cores) {
		t.Errorf("this process may run on %v afterwards, %v, want %v", again, err, cores)
	}
}

func TestMemoryIsThatOfTheWholeTree(t *testing.T) {
	// A grandchild that holds 64 MB and says when it does.
	cmd := exec.CommandContext(t.Context(), "sh", "-c",
		`sh -c 'x=$(head -c 67108864 /dev/zero | tr "\0" x); echo ready; read line'; exit 0`)
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
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("the child said %q, %v", line, err)
	}
	var memory Memory
	if err := memory.Look(cmd.Process.Pid); err != nil || memory.Peak < 64<<20 || memory.Peak > 1<<30 {
		t.Errorf("memory is %d bytes, %v, want some 64 MB", memory.Peak, err)
	}
	peak := memory.Peak
	_ = stdin.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if err := memory.Look(cmd.Process.Pid); err != nil || memory.Peak != peak {
		t.Errorf("memory is %d bytes, %v, once it is free again, want the peak of %d", memory.Peak, err, peak)
	}
}

func TestParseResident(t *testing.T) {
	page := int64(os.Getpagesize())
	for text, want := range map[string]int64{"1000 25 3 1 0 4 0\n": 25 * page, "1000": 0, "1000 x": 0, "": 0} {
		if got := parseResident([]byte(text)); got != want {
			t.Errorf("%q is %d bytes, want %d", text, got, want)
		}
	}
}

func TestParsePSS(t *testing.T) {
	for text, want := range map[string]int64{
		"00400000-7fff [rollup]\nRss:   200 kB\nPss:    100 kB\nPss_Anon:  90 kB\n": 100 << 10,
		"Rss: 200 kB\n": 0,
		"Pss: x kB\n":   0,
		"":              0,
	} {
		if got := parsePSS([]byte(text)); got != want {
			t.Errorf("%q is %d bytes, want %d", text, got, want)
		}
	}
}
