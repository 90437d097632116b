package doctor

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/loom-lite/loom-lite/migrations"
	"github.com/loom-lite/loom-lite/migrations/migrationstest"
	"github.com/loom-lite/loom-lite/pkg/postgres/postgrestest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestThisMachineHasWhatItNeeds(t *testing.T) {
	findings := Check(t.Context(), map[string]string{}, filepath.Join(t.TempDir(), "data"))
	for _, f := range findings {
		if f.Verdict == Missing {
			t.Errorf("%s: %s; %s", f.What, f.Found, f.Mend)
		}
		if (f.Verdict == OK) != (f.Mend == "") && f.What != "FFmpeg" {
			t.Errorf("%s is %s, to be mended by %q", f.What, f.Verdict, f.Mend)
		}
	}
	for _, what := range []string{"Chrome", "FFmpeg", "Postgres", "NATS", "S3", "Fonts", "Disk for scratch files"} {
		found := false
		for _, f := range findings {
			found = found || f.What == what
		}
		if !found {
			t.Errorf("%s was not checked", what)
		}
	}
}

// What is set wrong is found missing, and the values of settings are not told.
func TestWhatIsMissingIsNamedWithAWayToMendIt(t *testing.T) {
	environ := map[string]string{
		"CHROME_PATH": "/none/chrome", "FFMPEG_PATH": "/none/ffmpeg", "DATABASE_URL": "postgres://u:hunter2@127.0.0.1:1/x",
		"NATS_URL": "nats://u:hunter2@127.0.0.1:1", "S3_ENDPOINT": "http://127.0.0.1:1",
		"S3_ACCESS_KEY_ID": "id", "S3_SECRET_ACCESS_KEY": "hunter2", "STORAGE_BUCKET_VIDEOS": "mine",
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	findings := Check(ctx, environ, t.TempDir())
	verdicts := map[string]Finding{}
	for _, f := range findings {
		verdicts[f.What] = f
	}
	for _, what := range []string{"Chrome", "FFmpeg", "Postgres", "NATS", "S3 bucket mine", "S3 bucket thumbnails", "S3 bucket loom-work"} {
		f, there := verdicts[what]
		if !there || f.Verdict != Missing || f.Found == "" {
			t.Errorf("%s: %+v", what, f)
		}
	}
	if !AnyMissing(findings) {
		t.Error("nothing is missing")
	}
	var out bytes.Buffer
	Print(&out, findings)
	if strings.Contains(out.String(), "hunter2") {
		t.Errorf("a password is printed:\n%s", out.String())
	}
	if !strings.Contains(out.String(), "missing  Postgres") || !strings.Contains(out.String(), "→ check DATABASE_URL") {
		t.Errorf("got\n%s", out.String())
	}
}

// A machine that has no fonts at all.
func TestScriptsWithoutAFontAreNamed(t *testing.T) {
	if f := fonts(t.Context()); len(f) != 1 || f[0].Verdict != OK {
		t.Errorf("this machine (make setup): %+v", f)
	}
	config := filepath.Join(t.TempDir(), "fonts.conf")
	if err := os.WriteFile(config, []byte("<fontconfig></fontconfig>"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("FONTCONFIG_FILE", config)
	f := fonts(t.Context())
	if len(f) != 1 || f[0].Verdict != Warning || !strings.Contains(f[0].Mend, "fonts-noto-core") {
		t.Errorf("a machine without fonts: %+v", f)
	}
}

func TestMigrationsThatAreNotAppliedAreFound(t *testing.T) {
	url := postgrestest.Database(t)
	environ := map[string]string{"DATABASE_URL": url}
	find := func() Finding {
		findings := database(t.Context(), environ, t.TempDir())
		return findings[len(findings)-1]
	}
	if f := find(); f.What != "Migrations" || f.Verdict != Missing || !strings.Contains(f.Mend, "loom migrate") {
		t.Errorf("an empty database: %+v", f)
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := migrations.Apply(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	if f := find(); f.Verdict != OK {
		t.Errorf("a prepared database: %+v", f)
	}
	if _, err := conn.Exec(t.Context(), "update loom.migrations set sha256 = '' where name = '0003_functions.sql'"); err != nil {
		t.Fatal(err)
	}
	if f := find(); f.Verdict != Missing || !strings.Contains(f.Found, "0003_functions.sql") || strings.Contains(f.Found, "0001") {
		t.Errorf("an older database: %+v", f)
	}
	if _, err := conn.Exec(t.Context(), "alter table renders drop thumb_small_url"); err != nil {
		t.Fatal(err)
	}
	if f := find(); f.Verdict != Missing || f.Found != "it lacks public.renders.thumb_small_url" || !strings.Contains(f.Mend, "loom migrate") {
		t.Errorf("a database without a column: %+v", f)
	}
}

func TestWhatTheDatabaseLacksIsFoundWithTheStatementThatMendsIt(t *testing.T) {
	role := migrationstest.LeastRole(t)
	find := func() string {
		var out bytes.Buffer
		Print(&out, database(t.Context(), map[string]string{"DATABASE_URL": role.URL}, t.TempDir()))
		return out.String()
	}
	if text := find(); !strings.Contains(text, "schema loom may not be used") || !strings.Contains(text, "→ grant usage on schema loom to "+role.Name()) {
		t.Errorf("without rights:\n%s", text)
	}
	role.GrantTables()
	if text := find(); !strings.Contains(text, "public.renders hides its rows") || !strings.Contains(text, "→ alter role "+role.Name()+" bypassrls") {
		t.Errorf("without sight of rows:\n%s", text)
	}
	role.Grant(migrationstest.Bypass)
	if text := find(); strings.Contains(text, "missing") {
		t.Errorf("with all that the docs list:\n%s", text)
	}
	conn, err := pgx.Connect(t.Context(), role.OwnerURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), "alter table renders alter error_code type int using null"); err != nil {
		t.Fatal(err)
	}
	if text := find(); !strings.Contains(text, "public.renders.error_code is of type integer") || !strings.Contains(text, "→ alter table public.renders rename") {
		t.Errorf("with a column of another type:\n%s", text)
	}
}

func TestSpaceIsJudgedByWhatAVideoTakes(t *testing.T) {
	for free, want := range map[uint64]Verdict{100 << 20: Missing, 2 << 30: Warning, 100 << 30: OK} {
		if f := judgeSpace("Disk", "/x", free); f.Verdict != want || (f.Mend == "") != (want == OK) {
			t.Errorf("%d bytes: %+v", free, f)
		}
	}
	if f := space("Disk", filepath.Join(t.TempDir(), "not", "yet", "there")); f.Verdict == Missing && !strings.Contains(f.Found, "free") {
		t.Errorf("a folder that is not there yet: %+v", f)
	}
}

func TestHugePagesAreJudgedByBothSettings(t *testing.T) {
	for _, c := range []struct {
		enabled, shmem string
		asked          bool
		want           Verdict
	}{
		{"[always] madvise never", "[always] within_size advise never deny force", false, OK},
		{"always [madvise] never", "[always] within_size advise never deny force", false, Warning},
		{"always [madvise] never", "[always] within_size advise never deny force", true, OK},
		{"[always] madvise never", "always within_size advise [never] deny force", false, Warning},
		{"always [madvise] never", "always within_size advise [never] deny force", true, Warning},
	} {
		dir := t.TempDir()
		err := errors.Join(
			os.WriteFile(filepath.Join(dir, "enabled"), []byte(c.enabled), 0o600),
			os.WriteFile(filepath.Join(dir, "shmem_enabled"), []byte(c.shmem), 0o600))
		if err != nil {
			t.Fatal(err)
		}
		if f := hugePages(dir, c.asked); len(f) != 1 || f[0].Verdict != c.want {
			t.Errorf("%s, %s: %+v", c.enabled, c.shmem, f)
		}
	}
	if f := hugePages(t.TempDir(), false); f != nil {
		t.Errorf("where there is no such setting: %+v", f)
	}
}

func TestAChromeWithoutFramesOnDemandIsAWarning(t *testing.T) {
	shell, err := exec.LookPath("chromium-headless-shell")
	if err != nil {
		if shell, err = exec.LookPath(os.Getenv("CHROME_PATH")); err != nil {
			t.Fatalf("no headless shell (apt install chromium-headless-shell): %v", err)
		}
	}
	program := filepath.Join(t.TempDir(), "chrome")
	script := "#!/bin/sh\ncase \" $* \" in *\" --enable-begin-frame-control \"*) exit 1 ;; esac\nexec '" + shell + "' \"$@\"\n"
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	f := chrome(t.Context(), map[string]string{"CHROME_PATH": program})
	if f.Verdict != Warning || !strings.Contains(f.Found, program) || !strings.Contains(f.Mend, "by screenshots") || !strings.Contains(f.Mend, "apt install") {
		t.Errorf("found %+v", f)
	}
}
