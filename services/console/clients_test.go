package console

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"testing"

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
	node(t, []string{"LOOM_API_URL=" + web, "LOOM_API_TOKEN=" + apiToken(t, database)}, "--test", "test/dist/")
}

func TestTheTypeScriptClientIsOfTheCommittedDocument(t *testing.T) {
	t.Parallel()
	types := node(t, nil, "node_modules/openapi-typescript/bin/cli.js", "../../docs/reference/openapi.json")
	committed, err := os.ReadFile(typeScript + "/src/api.ts")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(types, committed) {
		t.Error("the document has changed: run make clients")
	}
}
