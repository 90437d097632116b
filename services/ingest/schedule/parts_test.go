package schedule

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/store"
	"github.com/loom-lite/loom-lite/services/ingest/plan"
)

// signer signs as for a project of Supabase's.
func signer(t *testing.T) *requests {
	t.Helper()
	client, err := store.New(store.Config{
		Endpoint: "https://abcdefghijklmnopqrst.storage.supabase.co/storage/v1/s3", Region: "ap-southeast-2",
		AccessKeyID: strings.Repeat("a", 32), SecretAccessKey: strings.Repeat("b", 64),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &requests{Scheduler: &Scheduler{Config: Config{Store: client, WorkBucket: "loom-work", Lease: time.Minute}}}
}

// of is a task of n files that are in parts of 50 MiB.
func of(n int, params int, facts string) granted {
	g := granted{verdict: msg.Granted, attempt: 1, params: json.RawMessage(`"` + strings.Repeat("x", params) + `"`),
		inputs: map[string]grantedInput{}, outputs: map[string]plan.Output{}}
	for i := range n {
		name := fmt.Sprintf("file-%04d", i)
		file := fmt.Sprintf("parts-52428800/mezzanine-%04d.mov", i)
		if facts == "" {
			g.outputs[name] = plan.Output{File: file, ContentType: "video/quicktime"}
			continue
		}
		g.inputs[name] = grantedInput{Key: objectKey(msg.NewRef(msg.Record, uuid.New(), uuid.New()), 1, file), Facts: json.RawMessage(facts)}
	}
	return g
}

func TestAGrantOfFilesInPartsIsOneMessage(t *testing.T) {
	r := signer(t)
	joined := of(600, 10<<10, `{"frames": 600, "bytes": 1000000, "parameters": "0123456789abcdef"}`)
	joined.outputs["joined"] = plan.Output{File: "parts-52428800/joined.mp4", ContentType: "video/mp4"}
	for name, c := range map[string]struct {
		granted granted
		// most is how large each output may be at least.
		most int64
	}{
		"a piece":              {of(1, 2<<10, ""), 5 << 30},
		"a few pieces":         {of(10, 2<<10, ""), 4 << 30},
		"the most pieces":      {of(240, 2<<10, ""), 200 << 20},
		"and large options":    {of(240, 280<<10, ""), 100<<20 - 1},
		"what is still made":   {of(3, 2<<10, "null"), 0},
		"the most segments":    {joined, 3 << 30},
		"a video that is long": {of(1, 100, `{"bytes": 4000000000}`), 0},
	} {
		t.Run(name, func(t *testing.T) {
			grant, err := r.sign(context.Background(), msg.NewRef(msg.Record, uuid.New(), uuid.New()), c.granted)
			if err != nil {
				t.Fatal(err)
			}
			data, err := msg.Encode(msg.GrantReply{Version: msg.Version, Verdict: msg.Granted, Grant: grant})
			if err != nil {
				t.Fatal(err)
			}
			if len(data) > msg.MaxSize {
				t.Errorf("%d bytes, at most %d are a message", len(data), msg.MaxSize)
			}
			for _, out := range grant.Outputs {
				if out.Bytes != 50<<20 || out.Most() < c.most {
					t.Errorf("%d bytes can be stored, in objects of %d; want %d", out.Most(), out.Bytes, c.most)
					break
				}
			}
			for name, in := range grant.Inputs {
				known := strings.Contains(string(in.Facts), "bytes")
				if in.Bytes != 50<<20 || len(in.More) < 40 && !known || strings.Contains(string(in.Facts), "4000000000") && len(in.More) != 76 {
					t.Errorf("%s: %d objects behind the first, of %d bytes", name, len(in.More), in.Bytes)
				}
			}
		})
	}
}
