package ingest_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/store/storetest"
	"github.com/loom-lite/loom-lite/services/ingest"
)

func TestTheKeyOfAFailureBundleIsKept(t *testing.T) {
	r := newRig(t)
	objects := storetest.Client(t)
	r.store = storetest.Server(t)
	bucket := "loom-work-" + uuid.NewString()[:8]
	r.ingest(func(c *ingest.Config) { c.MaxRetries, c.WorkBucket = 1, bucket })
	r.work("worker", func(ctx context.Context, g msg.Grant) msg.Result {
		if (g.Bundle != nil) != (g.Kind == msg.Record) {
			t.Errorf("a grant of kind %s has a bundle's place %+v", g.Kind, g.Bundle)
		}
		if g.Kind != msg.Record {
			return msg.Result{Outcome: msg.Done}
		}
		f := msg.Failure{Code: msg.CodeSceneTimeout, Message: "Too slow."}
		if g.Attempt == 2 { // the first has none
			put(t, ctx, *g.Bundle, "PK")
			f.Bundle = true
		}
		return msg.Result{Outcome: msg.Failed, Failure: &f}
	})
	one := small
	one.scenes = small.scenes[:1]
	render := r.submit(one)
	if o := r.ended(render); o.status != "failed" || o.code != string(msg.CodeSceneTimeout) {
		t.Fatalf("the render ended as %+v", o)
	}
	var got string
	r.scan(&got, `select string_agg(coalesce(a.bundle_key, 'none'), ' ' order by a.attempt)
		from loom.attempts a join loom.tasks t on t.id = a.task_id where t.render_id = $1 and t.kind = 'record'`, render)
	var task uuid.UUID
	r.scan(&task, "select id from loom.tasks where render_id = $1 and kind = 'record'", render)
	key := fmt.Sprintf("%s/%s/a2/failure.zip", render, task)
	if got != "none "+key {
		t.Errorf("the attempts' bundles are %s, want none and %s", got, key)
	}
	if size, err := objects.Size(t.Context(), bucket, key); err != nil || size != 2 {
		t.Errorf("%s has %d bytes, %v", key, size, err)
	}
}
