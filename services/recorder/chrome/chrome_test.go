package chrome

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-rod/rod/lib/proto"
	"go.uber.org/goleak"

	"github.com/loom-lite/loom-lite/pkg/child"
	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

var update = flag.Bool("update", false, "write the golden files again")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestArgs(t *testing.T) {
	for name, o := range map[string]Options{
		"sandbox.txt":     {Sandbox: true, Width: 1920, Height: 1080, Proxy: "127.0.0.1:4000"},
		"screenshots.txt": {Frames: FramesForScreenshots, Sandbox: true, Width: 1920, Height: 1080, Proxy: "127.0.0.1:4000"},
		"realtime.txt":    {Frames: FramesInRealtime, Sandbox: true, Width: 1920, Height: 1080, Proxy: "127.0.0.1:4000"},
		"container.txt":   {Width: 390, Height: 844, ScaleFactor: 2.5, Proxy: "127.0.0.1:4001", SmallShm: true, ReducedMotion: true},
	} {
		t.Run(name, func(t *testing.T) {
			got := strings.Join(args(o, "/srv/profile"), "\n") + "\n"
			path := filepath.Join("testdata", name)
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("arguments differ from %s (-update writes it again):\n%s", path, got)
			}
		})
	}
}

func TestEnvironmentHoldsNothingOfOurs(t *testing.T) {
	ours := map[string]string{
		"PATH": "/bin", "TZ": "UTC", "HOME": "/root", "NATS_URL": "nats://user:secret@host", "S3_SECRET_ACCESS_KEY": "secret",
		"HTTP_PROXY": "http://proxy", "DATABASE_URL": "postgres://user:secret@host",
	}
	got := strings.Join(environ(func(name string) string { return ours[name] }, "/profile", ""), "\n")
	want := "HOME=/profile\nTMPDIR=.\nXDG_CACHE_HOME=/profile\nXDG_CONFIG_HOME=/profile\nPULSE_RUNTIME_PATH=/profile\nPATH=/bin\nTZ=UTC"
	if got != want {
		t.Errorf("environment is\n%s\nwant\n%s", got, want)
	}
}

func TestFindNamesWhatToInstall(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for _, path := range []string{"", "/no/such/chrome"} {
		if _, err := Find(path); err == nil || !strings.Contains(err.Error(), "apt install chromium-headless-shell") {
			t.Errorf("Find(%q) returned %v, want what to install", path, err)
		}
	}
}

func TestFindPrefersTheHeadlessShell(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	for _, name := range []string{"google-chrome", "chromium", "chrome-headless-shell"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		// Each is preferred to those before.
		if found, err := Find(""); err != nil || found != filepath.Join(dir, name) {
			t.Errorf("Find returned %q, %v, want %s", found, err, name)
		}
	}
	t.Chdir(dir)
	if found, err := Find("./chromium"); err != nil || found != filepath.Join(dir, "chromium") {
		t.Errorf("Find returned %q, %v, want an absolute path", found, err)
	}
}

// start starts the Chrome that is there, with what o says beyond that.
func start(t *testing.T, o Options) *Process {
	t.Helper()
	path, err := Find(os.Getenv("CHROME_PATH"))
	if err != nil {
		t.Fatal(err)
	}
	o.Path, o.Sandbox, o.Width, o.Height, o.Proxy, o.SmallShm = path, os.Geteuid() != 0, 320, 240, "127.0.0.1:1", SmallShm()
	p, err := Start(o, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCloseLeavesNothingBehind(t *testing.T) {
	p := start(t, Options{})
	// Once it answers, all of its processes are being started.
	if _, err := p.Client.Call(context.Background(), "", proto.TargetGetTargets{}.ProtoReq(), nil); err != nil {
		t.Fatalf("call Chrome: %v; it said: %s", err, p.Stderr())
	}
	if !child.GroupAlive(p.Group()) {
		t.Fatal("Chrome runs in no group of its own")
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if child.GroupAlive(p.Group()) {
		t.Error("a process of Chrome's is left")
	}
	if _, err := os.Stat(p.profile); !os.IsNotExist(err) {
		t.Errorf("the profile is left: %v", err)
	}
	for _, of := range processes(t, p.profile) {
		t.Errorf("left running: %s", of)
	}
}

// processes lists the command lines that name a profile.
func processes(t *testing.T, profile string) (found []string) {
	t.Helper()
	paths, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range paths {
		if cmdline, err := os.ReadFile(path); err == nil && bytes.Contains(cmdline, []byte(profile)) {
			found = append(found, string(bytes.ReplaceAll(cmdline, []byte{0}, []byte{' '})))
		}
	}
	return found
}

func TestKillEndsCallsUnderWay(t *testing.T) {
	p := start(t, Options{})
	defer func() { _ = p.Close() }()
	p.Kill()
	<-p.Client.Closed()
	if _, err := p.Client.Call(context.Background(), "", "Browser.getVersion", nil); err == nil {
		t.Error("a killed browser answered")
	} else if !strings.Contains(err.Error(), cdp.ErrClosed.Error()) {
		t.Errorf("the call ended with %v", err)
	}
}

func TestAProgramThatIsNoChrome(t *testing.T) {
	if _, err := Start(Options{Path: "/no/such/chrome"}, t.TempDir()); err == nil {
		t.Error("a missing program was started")
	}
	dir := t.TempDir()
	p, err := Start(Options{Path: "/bin/true"}, dir)
	if err != nil {
		t.Fatal(err)
	}
	<-p.Client.Closed()
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}
