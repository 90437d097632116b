package main

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// apiServer answers as Kubernetes' API server does, as far as pods' metadata goes. `make e2e-k8s`
// asks a real one.
type apiServer struct {
	t       *testing.T
	token   string
	costs   map[string]string
	refuses string // a pod that may not be changed
	gone    string // a pod that is listed and has gone
	patches int
	// answered has the statuses of its answers, if somebody waits for them.
	answered chan int
}

func (s *apiServer) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	answer := httptest.NewRecorder()
	s.serve(answer, q)
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
	if s.answered != nil {
		s.answered <- answer.Code
	}
}

func (s *apiServer) serve(w http.ResponseWriter, q *http.Request) {
	const path = "/api/v1/namespaces/videos/pods"
	switch {
	case q.Header.Get("Authorization") != "Bearer "+s.token:
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(`{"kind":"Status","message":"Unauthorized"}`))
	case q.Method == http.MethodGet && q.URL.Path == path && q.URL.Query().Get("labelSelector") == "app.kubernetes.io/component in (recorder,transcoder)":
		var items []string
		for _, name := range slices.Sorted(maps.Keys(s.costs)) {
			cost, set := s.costs[name], ""
			if cost != "" {
				set = fmt.Sprintf(`,"controller.kubernetes.io/pod-deletion-cost":%q`, cost)
			}
			items = append(items, fmt.Sprintf(`{"metadata":{"name":%q,"annotations":{"other":"kept"%s}}}`, name, set))
		}
		_, _ = fmt.Fprintf(w, `{"items":[%s]}`, strings.Join(items, ","))
	case q.Method == http.MethodPatch && q.Header.Get("Content-Type") == "application/merge-patch+json":
		s.patches++
		name := strings.TrimPrefix(q.URL.Path, path+"/")
		var patch struct {
			Metadata struct {
				Annotations map[string]*string `json:"annotations"`
			} `json:"metadata"`
		}
		err := json.NewDecoder(q.Body).Decode(&patch)
		cost, found := patch.Metadata.Annotations["controller.kubernetes.io/pod-deletion-cost"]
		switch _, there := s.costs[name]; {
		case err != nil || !found || len(patch.Metadata.Annotations) != 1 || !there:
			s.t.Errorf("patch of %s: %+v, %v", name, patch, err)
		case name == s.gone:
			w.WriteHeader(http.StatusNotFound)
		case name == s.refuses:
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`{"kind":"Status","message":"not this one"}`))
		case cost == nil:
			s.costs[name] = ""
		default:
			if _, err := strconv.Atoi(*cost); err != nil {
				s.t.Errorf("the cost of %s is %q, which is no number", name, *cost)
			}
			s.costs[name] = *cost
		}
	default:
		s.t.Errorf("%s %s", q.Method, q.URL)
		w.WriteHeader(http.StatusBadRequest)
	}
}

// inPod is the environment of a pod, and the flags of its command.
func inPod(t *testing.T, s *apiServer, environ map[string]string) []string {
	t.Helper()
	server := httptest.NewTLSServer(s)
	t.Cleanup(server.Close)
	at, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	account := t.TempDir()
	for name, text := range map[string]string{"namespace": "videos", "token": s.token + "\n",
		"ca.crt": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))} {
		if err := os.WriteFile(filepath.Join(account, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	environ["KUBERNETES_SERVICE_HOST"], environ["KUBERNETES_SERVICE_PORT"] = at.Hostname(), at.Port()
	return []string{"deletion-cost", "--service-account", account, "--selector", "app.kubernetes.io/component in (recorder,transcoder)"}
}

const someRun = `
	with c as (insert into campaigns (name) values ('load') returning id),
	     r as (insert into renders (campaign_id) select id from c returning id),
	     j as (insert into render_jobs (render_id) select id from r returning id, render_id),
	     p as (insert into loom.plans (id, render_id, job_id, campaign, max_retries) select gen_random_uuid(), render_id, id, '{}', 3 from j returning id, render_id)
	insert into loom.tasks (id, plan_id, render_id, kind, seq, params, weight, state, worker)
	select gen_random_uuid(), p.id, p.render_id, t.kind, t.seq, '{}', 1, 'running', t.worker
	  from p, (values ('record', 0, 'recorder-a'), ('record', 1, 'recorder-a'), ('normalize', 0, 'transcoder-a'), ('concat', 0, 'a-refused'), ('record', 2, 'gone')) t (kind, seq, worker)`

func TestPodsCostAsMuchAsTheyHaveTasks(t *testing.T) {
	db, environ, _ := controlled(t, 0)
	execute(t, db, someRun)
	s := &apiServer{t: t, token: "secret", gone: "gone", costs: map[string]string{
		"recorder-a": "", "recorder-b": "", "recorder-c": "7", "transcoder-a": "1", "gone": ""}}
	line := append(inPod(t, s, environ), "--once")
	if status, _, stderr := loom(t, environ, line...); status != statusDone {
		t.Fatalf("status %d, %s", status, stderr)
	}
	want := map[string]string{"recorder-a": "2", "recorder-b": "", "recorder-c": "", "transcoder-a": "1", "gone": ""}
	if fmt.Sprint(s.costs) != fmt.Sprint(want) || s.patches != 3 {
		t.Errorf("costs are %v after %d patches, want %v after those of a, c and the one that has gone", s.costs, s.patches, want)
	}
	// One that is refused does not keep the others from it.
	s.costs["a-refused"], s.refuses, s.costs["recorder-a"] = "", "a-refused", ""
	status, _, stderr := loom(t, environ, line...)
	if status != statusFailed || !strings.Contains(stderr, "set the cost of a-refused: the API server answers 403: not this one") || s.costs["recorder-a"] != "2" {
		t.Errorf("status %d, %s, costs %v", status, stderr, s.costs)
	}
}

// A token that has run out is read anew, and what keeps failing is said once.
func TestDeletionCostsAreKeptUpToDateUntilItEnds(t *testing.T) {
	db, environ, _ := controlled(t, 0)
	execute(t, db, someRun)
	s := &apiServer{t: t, token: "old", costs: map[string]string{"recorder-a": ""}, answered: make(chan int, 1000)}
	line := append(inPod(t, s, environ), "--every", "1s")
	s.token = "new"
	ctx, end := context.WithCancel(t.Context())
	defer end()
	var stderr bytes.Buffer
	ended := make(chan int, 1)
	go func() { ended <- (&app{environ: environ, stdout: io.Discard, stderr: &stderr}).run(ctx, line) }()
	await := func(want int) {
		t.Helper()
		for {
			select {
			case got := <-s.answered:
				if got == want {
					return
				}
			case status := <-ended:
				t.Fatalf("it ended with %d: %s", status, stderr.String())
			case <-time.After(2 * time.Minute):
				t.Fatalf("the API server never answers %d", want)
			}
		}
	}
	await(http.StatusUnauthorized)
	await(http.StatusUnauthorized)
	// As the kubelet does it: in place of the file.
	token := filepath.Join(line[2], "token")
	if err := errors.Join(os.WriteFile(token+".new", []byte("new"), 0o600), os.Rename(token+".new", token)); err != nil {
		t.Fatal(err)
	}
	await(http.StatusOK) // the list
	await(http.StatusOK) // the patch
	await(http.StatusOK) // the next list
	end()
	if status := <-ended; status != statusDone {
		t.Errorf("it ends with %d when it is told to", status)
	}
	said := strings.Split(stderr.String(), "\n")
	if repeated := len(slices.Compact(slices.Clone(said))) != len(said); repeated || s.costs["recorder-a"] != "2" ||
		!strings.Contains(stderr.String(), "401") || !strings.Contains(stderr.String(), "up to date again") {
		t.Errorf("costs are %v, and it says:\n%s", s.costs, stderr.String())
	}
}
