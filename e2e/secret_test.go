package e2e

import (
	"archive/zip"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/loom-lite/loom-lite/e2e/rig"
)

// marks are the secrets of a campaign: what its scenes log in with, and what the URLs of its files
// give access by.
var marks = map[string]string{
	"a header":                  "mark-header-7Kq2",
	"a cookie":                  "mark-cookie-9Zt4",
	"a password":                "mark-password-3Wd8",
	"a script":                  "mark-script-5Rn1",
	"the facecam's URL":         "mark-facecam-6Lp9",
	"the watermark's URL":       "mark-watermark-8Hc3",
	"a file that is not there":  "mark-missing-4Xs6",
	"a header of what fails":    "mark-failing-1Jm5",
	"a cookie that is reported": "mark-console-0Fy2",
	"a person's name":           "mark-person-2Bv7",
	"a name on what fails":      "mark-someone-4Gt1",
}

// Secrets of the settings, of scenes and of files go through the whole system, in a render that is
// done and in renders that fail. When these have ended, no log, row, message, metric or failure
// bundle has them, at the log level debug. The app's own tables have what the app wrote.
func TestNoSecretIsLeftAnywhere(t *testing.T) {
	p := rig.Usual(t)
	secrets := map[string]string{}
	for _, secret := range p.Secrets(t) {
		secrets["a setting, or a signed URL"+secret[:min(4, len(secret))]] = secret
	}
	maps.Copy(secrets, marks)
	sent := listen(t, p, ">")

	done := campaign(p, 2)
	done.Scenes[0].Options = `{"headers": {"X-Preview": "` + marks["a header"] + `"}, "cookies": [{"name": "session", "value": "` +
		marks["a cookie"] + `"}], "basic_auth": {"username": "preview", "password": "` + marks["a password"] +
		`"}, "js": "window.token = '` + marks["a script"] + `'"}`
	done.Variables, done.Values = `{"name": {"required": true}}`, `{"name": "`+marks["a person's name"]+`"}`
	done.Scenes[1].URL += "&for={{name}}"
	done.Scenes[1].Options = `{"css": "body::after { content: \"{{name}}\" }", "js": "console.log('for {{name}}')"}`
	done.Facecam = p.Site.Facecam(t, "talking.mp4") + "?token=" + marks["the facecam's URL"]
	done.Output = `{"watermark": {"url": "` + p.Site.URL("/logo.png") + "?token=" + marks["the watermark's URL"] + `"}}`

	page := campaign(p, 1)
	page.Scenes[0].Options = `{"headers": {"X-Preview": "` + marks["a header of what fails"] + `"},
		"cookies": [{"name": "session", "value": "` + marks["a cookie that is reported"] + `"}],
		"js": "console.error('logged in with ' + document.cookie); fetch('/missing?' + document.cookie)",
		"wait_for": {"selector": "#never", "timeout_sec": 1}}`
	person := campaign(p, 1)
	person.Variables, person.Values = `{"name": {}}`, `{"name": "`+marks["a name on what fails"]+`"}`
	person.Scenes[0].URL = p.Site.URL("/missing/{{name}}?for={{name}}")
	file := campaign(p, 1)
	file.Facecam = p.Site.URL("/facecam/nobody.mp4") + "?token=" + marks["a file that is not there"]

	want := map[uuid.UUID]string{p.Submit(t, done): "done", p.Submit(t, page): "failed", p.Submit(t, file): "failed", p.Submit(t, person): "failed"}
	for id, status := range want {
		if r := p.Await(t, id); r.Status != status {
			t.Errorf("a render ended as %s with %s %s, want %s", r.Status, r.ErrorCode, r.ErrorMessage, status)
		}
	}

	found := map[string]string{}
	for name, text := range p.Logs(t) {
		found["log "+name] = text
	}
	maps.Copy(found, rows(t, p))
	for _, m := range sent() {
		// The answers to grants hold signed URLs and the parameters of tasks: only the asking
		// service can receive them, in its inbox. Between accounts the server has a name of its own
		// for that inbox, which nobody may subscribe to.
		if !strings.HasPrefix(m.Subject, "_INBOX.") && !strings.HasPrefix(m.Subject, "_R_.") {
			found["message "+m.Subject] += string(m.Data)
		}
	}
	for _, kind := range []string{"ingest", "recorder", "transcoder", "uploader"} {
		for _, s := range p.Services(kind) {
			maps.Copy(found, s.Answers(t))
		}
	}
	bundles := bundles(t, p, want)
	maps.Copy(found, bundles)
	if all := strings.Join(slices.Collect(maps.Values(bundles)), " "); !strings.Contains(all, "logged in with") || !strings.Contains(all, "[secret]") {
		t.Error("no failure bundle has what the page wrote to its console")
	}
	for id := range want {
		found["loom status of "+id.String()] = p.LoomAsReader(t, "status", id.String(), "--json")
	}
	found["loom list"] = p.LoomAsReader(t, "list", "--json")
	for _, where := range slices.Sorted(maps.Keys(found)) {
		for what, secret := range secrets {
			if at := strings.Index(found[where], secret); at >= 0 {
				t.Errorf("%s has %s: …%s…", where, what, found[where][max(0, at-200):min(len(found[where]), at+len(secret)+20)])
			}
		}
	}
}

// rows returns the rows of all tables of ours, and of the app's that we write.
func rows(t *testing.T, p *rig.Pipeline) map[string]string {
	t.Helper()
	list, err := p.DB.Query(t.Context(), `select format('%I.%I', schemaname, tablename) from pg_tables
		 where schemaname = 'loom' or schemaname = 'public' and tablename in ('renders', 'render_jobs')`)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(list, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, table := range tables {
		var text string
		row := "to_jsonb(t)"
		if table == "public.renders" {
			row += " - 'variables'" // as the app wrote them
		}
		if err := p.DB.QueryRow(t.Context(), "select coalesce(string_agg(("+row+")::text, E'\n'), '') from "+table+" t").Scan(&text); err != nil {
			t.Fatal(err)
		}
		found["table "+table] = text
	}
	return found
}

// bundles returns the texts of the renders' failure bundles.
func bundles(t *testing.T, p *rig.Pipeline, renders map[uuid.UUID]string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for id := range renders {
		stored := p.Store.Objects(t, "loom-work", id.String())
		if !slices.ContainsFunc(stored, func(key string) bool { return strings.HasSuffix(key, ".zip") }) {
			continue
		}
		path := filepath.Join(t.TempDir(), "bundle.zip")
		p.Loom(t, "bundle", id.String(), "-o", path)
		bundle, err := zip.OpenReader(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range bundle.File {
			r, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			found["bundle of "+id.String()+": "+f.Name] = string(text)
		}
		if err := bundle.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return found
}
