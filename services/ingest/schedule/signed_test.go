package schedule

import (
	"encoding/json"
	"net/url"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/store"
	"github.com/loom-lite/loom-lite/services/ingest/plan"
)

// Whoever reads a grant can use its URLs, so they end with the attempt.
func TestSignedURLsLastAsLongAsTheAttemptMay(t *testing.T) {
	objects, err := store.New(store.Config{Endpoint: "http://127.0.0.1:7070", AccessKeyID: "id", SecretAccessKey: "key"})
	if err != nil {
		t.Fatal(err)
	}
	defer objects.Close()
	r := newRequests(&Scheduler{Config: Config{Store: objects, WorkBucket: "work", Lease: 30 * time.Second, TaskTimeout: 20 * time.Minute}})
	for kind, params := range map[msg.Kind]string{msg.Record: `{"frames": 300}`, msg.Probe: `{}`, msg.Preflight: `{}`} {
		grant, err := r.sign(t.Context(), msg.NewRef(kind, uuid.New(), uuid.New()), granted{
			attempt: 1, params: json.RawMessage(params), inputs: map[string]grantedInput{"in": {Key: "a/b/a1/in"}},
			outputs: map[string]plan.Output{"out": {File: "out.mp4", ContentType: "video/mp4"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		signed := map[string]msg.SignedURL{"input": grant.Inputs["in"].URL, "output": grant.Outputs["out"].URL}
		if grant.Bundle != nil {
			signed["bundle"] = grant.Bundle.URL
		}
		for what, at := range signed {
			u, err := url.Parse(string(at))
			if err != nil {
				t.Fatal(err)
			}
			lasts, err := time.ParseDuration(u.Query().Get("X-Amz-Expires") + "s")
			if want := time.Duration(grant.Timeout) + signedBeyond; err != nil || lasts != want {
				t.Errorf("%s: the %s's URL lasts %s, %v; want %s", kind, what, lasts, err, want)
			}
		}
	}
}
