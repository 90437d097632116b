package recorder

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// recordAnd records a scene as the recorder does and calls look in the midst of it with the folders
// in /proc of all of Chrome's processes. sandbox is CHROME_SANDBOX.
func recordAnd(t *testing.T, sandbox string, look func(procs []string)) {
	t.Helper()
	cfg := testConfig(t)
	cfg.ChromeSandbox = sandbox
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	looked := false
	_, err = r.Record(t.Context(), Job{
		Params: msg.RecordParams{Scene: 1, URL: public(t).URL + "/page", Width: 320, Height: 180, Rate: msg.FPS(60), Frames: 3},
		Dir:    dir, Log: zerolog.Nop(),
		Progress: func(frames int) {
			if frames == 2 {
				looked = true
				look(groupOf(t, chromeOf(t, dir)))
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if !looked {
		t.Fatal("there was no time to look at Chrome's processes")
	}
}

// chromeOf returns the process group of the Chrome whose profile is in dir.
func chromeOf(t *testing.T, dir string) int {
	t.Helper()
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, proc := range all {
		cmdline, err := os.ReadFile(filepath.Join(proc, "cmdline"))
		if err != nil || !bytes.Contains(cmdline, []byte("--user-data-dir="+dir)) {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(proc))
		if group, err := syscall.Getpgid(pid); err == nil {
			return group
		}
	}
	t.Error("no process of Chrome's runs")
	return -1
}

// What the recorder holds is in its environment, and none of it in that of a process that a page
// could take over.
func TestChromeHoldsNoCredentials(t *testing.T) {
	for _, name := range []string{"DATABASE_URL", "NATS_URL", "S3_SECRET_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY", "SUPABASE_SERVICE_ROLE_KEY", "HTTPS_PROXY"} {
		t.Setenv(name, "nats://user:canary-secret@127.0.0.1:1")
	}
	cfg := testConfig(t)
	recordAnd(t, cfg.ChromeSandbox, func(procs []string) {
		read := 0
		for _, proc := range procs {
			for _, file := range []string{"environ", "cmdline"} {
				text, err := os.ReadFile(filepath.Join(proc, file))
				if err != nil {
					continue // the sandbox hides a process from us, too
				}
				if len(text) > 0 {
					read++
				}
				if bytes.Contains(text, []byte("canary-secret")) {
					t.Errorf("a secret is in %s of %s", file, name(proc))
				}
			}
		}
		if read < 2 {
			t.Errorf("%d files of %d processes could be read", read, len(procs))
		}
	})
}

// name says what a process of Chrome's is for.
func name(proc string) string {
	cmdline, _ := os.ReadFile(filepath.Join(proc, "cmdline"))
	// Divided by spaces where the process gave itself another name than the one it was started
	// with.
	_, kind, found := bytes.Cut(cmdline, []byte("--type="))
	if !found {
		return "browser"
	}
	kind, _, _ = bytes.Cut(bytes.ReplaceAll(kind, []byte{0}, []byte{' '}), []byte{' '})
	return string(kind)
}

// TestPagesRunInChromesSandbox looks at the processes that show pages: behind a filter of system
// calls and in namespaces of their own, unless the sandbox is switched off by name. Root has no
// sandbox, so root runs it as nobody.
func TestPagesRunInChromesSandbox(t *testing.T) {
	if os.Geteuid() == 0 {
		runAsNobody(t)
		return
	}
	ours, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		t.Fatal(err)
	}
	for sandbox, filtered := range map[string]bool{"on": true, "off": false} {
		renderers := 0
		recordAnd(t, sandbox, func(procs []string) {
			for _, proc := range procs {
				if name(proc) != "renderer" {
					continue
				}
				renderers++
				status, err := os.ReadFile(filepath.Join(proc, "status"))
				if err != nil {
					t.Fatal(err)
				}
				if got := bytes.Contains(status, []byte("\nSeccomp:\t2\n")); got != filtered {
					t.Errorf("sandbox %s: a filter of system calls is %v, want %v", sandbox, got, filtered)
				}
				// Of a process in the sandbox even this is hidden.
				if theirs, err := os.Readlink(filepath.Join(proc, "ns", "pid")); (theirs != ours || err != nil) != filtered {
					t.Errorf("sandbox %s: the page's processes are in %q (%v), we in %q", sandbox, theirs, err, ours)
				}
			}
		})
		if renderers == 0 {
			t.Errorf("sandbox %s: no process shows pages", sandbox)
		}
	}
}

// runAsNobody runs the calling test, and it only, in a process of the user nobody's.
func runAsNobody(t *testing.T) {
	t.Helper()
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(nobody.Uid)
	gid, _ := strconv.Atoi(nobody.Gid)
	// The test's own folders are root's alone.
	dir, err := os.MkdirTemp("", "loom-nobody-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	program := filepath.Join(dir, "test")
	if err := copyFile(program); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, program} {
		if err := os.Chown(path, uid, gid); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), program, "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "CHROME_PATH=" + os.Getenv("CHROME_PATH"), "HOME=" + dir, "TMPDIR=" + dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	output, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(output, []byte("--- PASS: "+t.Name())) {
		t.Errorf("as nobody: %v\n%s", err, output)
	}
}

// copyFile copies the program that runs to where another user may run it.
func copyFile(to string) (err error) {
	from, err := os.Open("/proc/self/exe")
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	file, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o700)
	if err != nil {
		return err
	}
	if _, err := io.Copy(file, from); err != nil {
		return err
	}
	return file.Close()
}
