package webhooks

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/services/console/access/accesstest"
)

// Receivers in JavaScript verify with the specification's library from npm: also while a secret is
// replaced, and not what was changed on its way.
func TestTheSpecificationsJavaScriptLibraryVerifiesWhatIsSent(t *testing.T) {
	t.Parallel()
	const folder = "testdata/npm"
	if _, err := os.Stat(folder + "/node_modules/standardwebhooks"); err != nil {
		t.Fatalf("%v: scripts/setup-npm.sh installs it", err)
	}
	r := newRig(t)
	x := r.receive(nil)
	e, first := r.endpoint(x.URL)
	_, second, err := Rotate(accesstest.Operator(t), r.db, r.keeper, e.ID, nil, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	r.render("done")
	r.courier()
	got := r.await(x, 1)[0]

	var in bytes.Buffer
	lines := json.NewEncoder(&in)
	ask := func(secret Secret, body string, change ...string) {
		headers := map[string]string{}
		for _, name := range []string{"webhook-id", "webhook-timestamp", "webhook-signature"} {
			headers[name] = got.Header.Get(name)
		}
		for i := 0; i+1 < len(change); i += 2 {
			headers[change[i]] = change[i+1]
		}
		if err := lines.Encode(map[string]any{"secret": secret.String(), "headers": headers, "body": body}); err != nil {
			t.Fatal(err)
		}
	}
	ask(first, string(got.body))
	ask(second, string(got.body))
	ask(NewSecret(), string(got.body))
	ask(first, strings.Replace(string(got.body), "done", "gone", 1))
	ask(first, string(got.body), "webhook-id", "another")
	ask(first, string(got.body), "webhook-timestamp", "1")
	node := exec.CommandContext(t.Context(), "node", "verify.js")
	node.Dir, node.Stdin, node.Stderr = folder, &in, os.Stderr
	out, err := node.Output()
	if err != nil {
		t.Fatal(err)
	}
	want := "render.completed\nrender.completed\nrefused: No matching signature found\nrefused: No matching signature found\n" +
		"refused: No matching signature found\nrefused: Message timestamp too old\n"
	if string(out) != want {
		t.Errorf("it says\n%swant\n%s", out, want)
	}
}
