package console

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/access/accesstest"
	"github.com/loom-lite/loom-lite/services/console/tokens"
)

const typeScript = "../../clients/typescript"

// node runs a program of Node.js in the folder of the TypeScript client.
func node(t *testing.T, environ []string, args ...string) (output []byte) {
	t.Helper()
	if _, err := os.Stat(typeScript + "/node_modules/.installed-from"); err != nil {
		t.Fatalf("the client's npm packages are missing: make setup-npm (%v)", err)
	}
	cmd := exec.CommandContext(t.Context(), "node", args...)
	cmd.Dir, cmd.Env = typeScript, append(os.Environ(), environ...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	output, err := cmd.Output()
	if err != nil {
		t.Fatalf("node %v: %v\n%s%s", args, err, output, stderr.Bytes())
	}
	t.Logf("%s", output)
	return output
}

// apiToken makes a token for everything.
func apiToken(t *testing.T, database string) string {
	t.Helper()
	db, err := pgxpool.New(context.Background(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	_, secret, err := tokens.Create(accesstest.Operator(t), db, tokens.Request{Name: "clients", Scope: access.Admin})
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

func TestTheTypeScriptClientWorks(t *testing.T) {
	t.Parallel()
	database := migrated.Database(t)
	web := start(t, database)
	node(t, nil, "node_modules/typescript/bin/tsc", "-b", "test")
	checkPackage(t)
	node(t, []string{"LOOM_API_URL=" + web, "LOOM_API_TOKEN=" + apiToken(t, database)}, "--test", "test/dist/")
}

// checkPackage checks what npm would publish: what each source is compiled to, and no more.
func checkPackage(t *testing.T) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "npm", "pack", "--dry-run", "--json", "--ignore-scripts", "--offline")
	cmd.Dir = typeScript
	output, err := cmd.Output()
	if err != nil {
		t.Fatalf("npm pack: %v", err)
	}
	var packed []struct {
		Files []struct{ Path string }
	}
	if err := json.Unmarshal(output, &packed); err != nil || len(packed) != 1 {
		t.Fatalf("npm pack says %s (%v)", output, err)
	}
	var got []string
	for _, f := range packed[0].Files {
		got = append(got, f.Path)
	}
	want := []string{"LICENSE", "README.md", "package.json"}
	sources, err := filepath.Glob(typeScript + "/src/*.ts")
	if err != nil {
		t.Fatal(err)
	}
	for _, source := range sources {
		name := strings.TrimSuffix(filepath.Base(source), ".ts")
		want = append(want, "dist/"+name+".js", "dist/"+name+".d.ts")
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the package has\n%v, want\n%v", got, want)
	}
	license, err := os.ReadFile("../../LICENSE")
	if err != nil {
		t.Fatal(err)
	}
	if packed, err := os.ReadFile(typeScript + "/LICENSE"); err != nil || !bytes.Equal(packed, license) {
		t.Errorf("the package's license is not the project's (%v)", err)
	}
}

func TestTheTypeScriptClientIsOfTheCommittedDocument(t *testing.T) {
	t.Parallel()
	types := node(t, nil, "node_modules/openapi-typescript/bin/cli.js", "../../docs/reference/openapi.json", "--default-non-nullable=false")
	committed, err := os.ReadFile(typeScript + "/src/api.ts")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(types, committed) {
		t.Error("the document has changed: run make clients")
	}
}

const goClient = "../../clients/go"

// goCommand runs a command of Go in the folder of the Go client.
func goCommand(t *testing.T, environ []string, args ...string) (output []byte, err error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir, cmd.Env = goClient, append(os.Environ(), environ...)
	return cmd.CombinedOutput()
}

func TestTheGoClientWorks(t *testing.T) {
	t.Parallel()
	database := migrated.Database(t)
	web := start(t, database)
	environ := []string{"LOOM_API_URL=" + web, "LOOM_API_TOKEN=" + apiToken(t, database)}
	if output, err := goCommand(t, environ, "test", "-count=1", "-tags=live", "-run=Live", "."); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}

// The README has this program. Its render is ended as workers would end it.
func TestTheGoClientsExampleWorks(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile(goClient + "/README.md")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(goClient + "/example/main.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(readme, program) {
		t.Error("the README has another example")
	}
	database := migrated.Database(t)
	web := start(t, database)
	db, err := pgxpool.New(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	var failed string
	go func() {
		defer close(ended)
		for ctx.Err() == nil && failed == "" {
			_ = db.QueryRow(ctx, "update renders set status = 'failed', error_code = 'scene_timeout' where status = 'queued' returning id::text").Scan(&failed)
			time.Sleep(20 * time.Millisecond)
		}
		_, _ = db.Exec(ctx, "update render_jobs set state = 'failed'")
	}()
	output, err := goCommand(t, []string{"LOOM_API_URL=" + web, "LOOM_API_TOKEN=" + apiToken(t, database)}, "run", "./example")
	stop()
	<-ended
	if want := failed + " failed\n" + failed + " scene_timeout\n"; err != nil || string(output) != want {
		t.Errorf("it prints %s, %v; want %s", output, err, want)
	}
}
