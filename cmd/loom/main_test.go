package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/loom-lite/loom-lite/cmd/loom/local"
	"github.com/loom-lite/loom-lite/services/console/campaign"
)

// The HTTP server within versitygw leaves goroutines behind; see the tests of local.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}

// loom runs a command line with nothing in its environment but environ.
func loom(t *testing.T, environ map[string]string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	if environ == nil {
		environ = map[string]string{}
	}
	a := &app{environ: environ, stdout: &out, stderr: &errs}
	status = a.run(t.Context(), args)
	return status, out.String(), errs.String()
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A folder that was cloned must not have a file of the user's sent to a server that it names.
func TestDotenvNamesNoFilesOfSecrets(t *testing.T) {
	secret, path := filepath.Join(t.TempDir(), "secret"), filepath.Join(t.TempDir(), ".env")
	if err := os.WriteFile(secret, []byte("p@ss/w:ord#1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("DATABASE_URL=postgres://u@h/d\nDATABASE_PASSWORD_FILE="+secret), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := environment(nil, path)
	if err != nil || got["DATABASE_URL"] != "postgres://u@h/d" {
		t.Errorf("%q, %v", got, err)
	}
	got, err = environment([]string{"DATABASE_PASSWORD_FILE=" + secret}, path)
	if err != nil || got["DATABASE_URL"] != "postgres://u:p%40ss%2Fw%3Aord%231@h/d" || len(got) != 1 {
		t.Errorf("%q, %v", got, err)
	}
}

func TestEnvironmentComesBeforeDotenv(t *testing.T) {
	path := filepath.Join(t.TempDir(), ".env")
	write(t, path, "A=file\nB=file # a comment\nC='x y'\n")
	got, err := environment([]string{"A=process", "D="}, path)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"A": "process", "B": "file", "C": "x y", "D": ""} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	if _, err := environment(nil, filepath.Join(t.TempDir(), "none")); err != nil {
		t.Errorf("without a file: %v", err)
	}
	write(t, path, "PASSWORD hunter2\n")
	if _, err := environment(nil, path); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a file that is no dotenv: %v", err)
	}
}

func TestDotenvDoesNotChooseProgramsToRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), ".env")
	write(t, path, "CHROME_PATH=./evil\nFFMPEG_PATH=./evil\nFFPROBE_PATH=./evil\nRECORDER_SLOTS=2\n")
	got, err := environment([]string{"FFMPEG_PATH=/opt/ffmpeg"}, path)
	want := map[string]string{"FFMPEG_PATH": "/opt/ffmpeg", "RECORDER_SLOTS": "2"}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestWithoutADatabaseBothWaysAreNamed(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "c.yaml")
	write(t, file, "scenes: [{url: 'https://example.com', duration_sec: 1}]")
	for _, args := range [][]string{
		{"list"}, {"status", "abc"}, {"bundle", "abc"}, {"migrate"}, {"render", file, "-o", filepath.Join(dir, "o.mp4")},
	} {
		status, stdout, stderr := loom(t, nil, append(args, "--data", filepath.Join(dir, "none"))...)
		if status != statusUsage || stdout != "" || !strings.Contains(stderr, "DATABASE_URL") || !strings.Contains(stderr, "loom up") {
			t.Errorf("%v: %d, %q, %q", args, status, stdout, stderr)
		}
	}
}

// held is a data folder that a process holds which calls itself command and has the settings of
// dotenv.
func held(t *testing.T, command, dotenv string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "lock"), command+"\t42\tthen\n")
	write(t, local.ReadyFile(dir), dotenv)
	lock, err := os.Open(filepath.Join(dir, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lock.Close() })
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestSettingsOfLoomUpCompleteThoseOfItsDatabase(t *testing.T) {
	up := held(t, holderUp, "DATABASE_URL=postgres://db/a\nNATS_URL=nats://up\n")
	other := held(t, holderRender, "DATABASE_URL=postgres://db/a\nNATS_URL=nats://other\n")
	for name, c := range map[string]struct {
		data, database, nats string // in the environment
		want                 string // NATS_URL
	}{
		"no database":          {up, "", "", "nats://up"},
		"its database":         {up, "postgres://db/a", "nats://environment", "nats://up"},
		"another database":     {up, "postgres://db/b", "nats://environment", "nats://environment"},
		"not by loom up":       {other, "postgres://db/a", "nats://environment", "nats://environment"},
		"nobody on the folder": {t.TempDir(), "postgres://db/a", "nats://environment", "nats://environment"},
	} {
		a := &app{environ: map[string]string{"DATABASE_URL": c.database, "NATS_URL": c.nats, "LOG_LEVEL": "debug"}}
		got, err := a.settings(dataFlag{Data: c.data})
		if err != nil || got["NATS_URL"] != c.want || got["LOG_LEVEL"] != "debug" {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestAnotherRendersOwnInstallationIsLeftAlone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	write(t, file, "scenes: [{url: 'https://example.com', duration_sec: 1}]")
	data := held(t, holderRender, "DATABASE_URL=postgres://127.0.0.1:1/x\n")
	status, stdout, stderr := loom(t, nil, "render", file, "-o", filepath.Join(t.TempDir(), "o.mp4"), "--data", data)
	if status != statusFailed || stdout != "" {
		t.Errorf("status %d, %q", status, stdout)
	}
	for _, want := range []string{holderRender + " (process 42", data, "loom up", "--data"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("%q is not in %q", want, stderr)
		}
	}
}

func TestJSONIsTheOnlyLineOnStdoutWhateverGoesWrong(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "bad.yaml"), "scenes: []")
	write(t, filepath.Join(dir, "good.yaml"), "scenes: [{url: 'https://example.com', duration_sec: 1}]")
	for name, c := range map[string]struct {
		args []string
		code string
	}{
		"bad campaign":    {[]string{"bad.yaml"}, codeCampaignFile},
		"no such file":    {[]string{"none.yaml"}, codeCommand},
		"no database":     {[]string{"good.yaml"}, codeCommand},
		"no such folder":  {[]string{"good.yaml", "-o", dir + "/none/out.mp4"}, codeCommand},
		"no video's name": {[]string{"good.yaml", "-o", dir + "/out.jpg"}, codeCommand},
	} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"render", "--json", "--data", filepath.Join(dir, "data")}, c.args...)
			args[4] = filepath.Join(dir, args[4])
			if len(c.args) == 1 {
				args = append(args, "-o", filepath.Join(dir, "out.mp4"))
			}
			status, stdout, stderr := loom(t, nil, args...)
			if status == statusDone || stderr == "" || strings.Count(stdout, "\n") != 1 {
				t.Errorf("status %d, stdout %q, stderr %q", status, stdout, stderr)
			}
			var got map[string]any
			if err := json.Unmarshal([]byte(stdout), &got); err != nil {
				t.Fatal(err)
			}
			for _, field := range []string{"render_id", "status", "video", "thumbnail", "frames", "duration_s", "wall_s", "error_code", "error_message", "warnings"} {
				if _, there := got[field]; !there {
					t.Errorf("%s is missing from %s", field, stdout)
				}
			}
			if len(got) != 10 || got["status"] != "failed" || got["error_code"] != c.code || got["video"] != nil || got["render_id"] != nil {
				t.Errorf("got %s", stdout)
			}
		})
	}
}

func TestOutputIsNamedAfterTheCampaign(t *testing.T) {
	for name, want := range map[string]string{
		"Spring launch!": "spring-launch", "../../etc/passwd": "etc-passwd", "": "campaign", "日本 2026": "日本-2026",
		strings.Repeat("long ", 40): strings.TrimSuffix(strings.Repeat("long-", 12), "-"),
	} {
		if got := slug(name); got != want {
			t.Errorf("%q became %q, want %q", name, got, want)
		}
	}
}

func TestLocalFilesAreRefusedWhenAWorkerIsElsewhere(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "page.html"), "<p>")
	write(t, filepath.Join(dir, "f.mp4"), "video")
	page := load(t, dir, "scenes: [{url: page.html, duration_sec: 1}]")
	facecam := load(t, dir, "facecam_url: f.mp4\nscenes: [{url: 'https://example.com', duration_sec: 1}]")
	here, there := worker{"record", "r1", true}, worker{"record", "r2", false}
	for name, c := range map[string]struct {
		file  *campaign.Campaign
		found []worker
		want  string // in the error; empty: none
	}{
		"all here":             {page, []worker{here, here}, ""},
		"one elsewhere":        {page, []worker{here, there}, "recorder r2 runs on another machine"},
		"no recorder":          {page, []worker{{"transcode", "t", true}}, "no recorder is running"},
		"recorder elsewhere":   {facecam, []worker{there, {"transcode", "t", true}}, ""},
		"transcoder elsewhere": {facecam, []worker{here, {"transcode", "t", false}}, "transcoder t runs on another machine"},
		"no transcoder":        {facecam, []worker{here}, "no transcoder is running"},
	} {
		err := judge(c.found, c.file)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && !strings.Contains(err.Error(), "--local") {
			t.Errorf("%s: %q names no way out", name, err)
		}
	}
}

func load(t *testing.T, dir, text string) *campaign.Campaign {
	t.Helper()
	path := filepath.Join(dir, "campaign.yaml")
	write(t, path, text)
	c, err := campaign.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestLocalRenderLeavesTheUsersOwnServersAlone(t *testing.T) {
	var said bytes.Buffer
	a := &app{stderr: &said, environ: map[string]string{"DATABASE_URL": "postgres://secret@db/x", "S3_ENDPOINT": "http://s3", "LOG_LEVEL": "debug"}}
	got := a.embedded()
	if len(got) != 1 || got["LOG_LEVEL"] != "debug" || a.environ["DATABASE_URL"] == "" {
		t.Errorf("got %v", got)
	}
	if s := said.String(); !strings.Contains(s, "DATABASE_URL, S3_ENDPOINT") || strings.Contains(s, "secret") {
		t.Errorf("it says %q", s)
	}
}

func TestPasswordsAreNotPrinted(t *testing.T) {
	for url, want := range map[string]string{
		"postgres://loom:pw@127.0.0.1:5/loom?sslmode=disable": "postgres://loom@127.0.0.1:5/loom",
		"nats://token@127.0.0.1:4222":                         "nats://127.0.0.1:4222",
		"nats://u:p@a:4222,nats://u:p@b:4222":                 "nats://a:4222,nats://b:4222",
		"host=db password=pw":                                 "(set)",
	} {
		if got := withoutPassword(url); got != want {
			t.Errorf("%s is printed as %s, want %s", url, got, want)
		}
	}
}

func TestUnknownCommandsAndFlagsAreTheUsersFault(t *testing.T) {
	for _, args := range [][]string{{}, {"frobnicate"}, {"up", "--nope"}, {"render"}, {"list", "--limit", "0"}} {
		status, stdout, stderr := loom(t, map[string]string{"DATABASE_URL": "postgres://127.0.0.1:1/x"}, args...)
		if status != statusUsage || stdout != "" || !strings.HasPrefix(stderr, "loom: ") {
			t.Errorf("%v: %d, %q, %q", args, status, stdout, stderr)
		}
	}
	for _, args := range [][]string{{"--help"}, {"up", "--help"}, {"render", "--help"}, {"version"}} {
		if status, stdout, stderr := loom(t, nil, args...); status != statusDone || stdout == "" || stderr != "" {
			t.Errorf("%v: %d, %q", args, status, stderr)
		}
	}
}

func TestFolderInUseIsToldWithAWayOut(t *testing.T) {
	err := startError(&local.InUseError{Dir: "/d", Holder: local.Holder{Command: "loom up", PID: "42", Since: "then"}})
	for _, want := range []string{"/d", "loom up", "42", "--data"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %q", want, err)
		}
	}
}
