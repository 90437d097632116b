package console

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/loom-lite/loom-lite/services/console/access/accesstest"
	"github.com/loom-lite/loom-lite/services/console/renders"
)

var shell = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")

// What the docs show with curl is run as it is there, beside the ready file of loom up.
func TestTheCommandsWithCurlInTheDocsWork(t *testing.T) {
	t.Parallel()
	database := migrated.Database(t)
	web := start(t, database)
	db, err := pgxpool.New(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	id, err := renders.Submit(accesstest.Operator(t), db, renders.Submission{Name: "x", Scenes: []renders.Scene{{URL: "https://example.com", Seconds: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	ready := "LOOM_API_URL=" + web + "\nLOOM_API_TOKEN=" + apiToken(t, database) + "\n"
	if err := os.MkdirAll(filepath.Join(dir, ".loom"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".loom", "loom.env"), []byte(ready), 0o600); err != nil {
		t.Fatal(err)
	}
	answers := 0
	for _, file := range []string{"reference/api.md", "how-to/call-the-api.md", "how-to/see-what-renders-cost.md"} {
		text, err := os.ReadFile("../../docs/" + file)
		if err != nil {
			t.Fatal(err)
		}
		script := "set -a; . .loom/loom.env; set +a\n"
		for _, block := range shell.FindAllSubmatch(text, -1) {
			if bytes.Contains(block[1], []byte("curl ")) {
				script += string(block[1])
			}
		}
		cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", strings.ReplaceAll(script, "…", uuid.NewString()))
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "ID="+id.String())
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		output, err := cmd.Output()
		if err != nil {
			t.Errorf("%s: %v: %s", file, err, stderr.Bytes())
		}
		for decoder := json.NewDecoder(bytes.NewReader(output)); ; answers++ {
			var answer map[string]any
			err := decoder.Decode(&answer)
			if err == io.EOF {
				break
			}
			if err != nil || answer["code"] != nil {
				t.Errorf("%s: %v: the answers are %s", file, err, output)
				break
			}
		}
	}
	var queued int
	if err := db.QueryRow(t.Context(), "select count(*) from renders r join campaigns c on c.id = r.campaign_id where c.name = 'Hello'").Scan(&queued); err != nil {
		t.Fatal(err)
	}
	if answers != 5 || queued != 2 {
		t.Errorf("%d requests were answered, and %d renders made", answers, queued)
	}
}
