package maintain

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/pkg/store/storetest"
)

// The policy in deploy/s3 is enough for all that the maintenance does.
func TestAKeyOfItsOwnMaintains(t *testing.T) {
	r := newRig(t)
	thumbnails := storetest.Bucket(t, r.store)
	r.Store, _ = storetest.Key(t, storetest.Policy(t, "ingest",
		storetest.Buckets{Work: r.WorkBucket, Videos: r.VideoBucket, Thumbnails: thumbnails}))
	long := time.Now().Add(-48 * time.Hour)
	gone, copied := owner{uuid.New(), uuid.New()}, owner{uuid.New(), uuid.New()}
	r.exec("insert into loom.leftovers (render_id, deleted_at) values ($1, $2)", gone.render, long)
	// Two of each, which are deleted with one request.
	for _, of := range []owner{r.task("failed", long, nil), gone, {uuid.New(), uuid.New()}} {
		r.put(of.object())
		r.put(of.object() + ".1")
	}
	for _, bucket := range []string{r.VideoBucket, thumbnails} {
		if err := r.store.Put(t.Context(), bucket, copied.video(), "video/mp4", []byte("x")); err != nil {
			t.Fatal(err)
		}
		r.exec("insert into loom.copies (bucket, key, task_id) values ($1, $2, $3)", bucket, copied.video(), copied.task)
	}
	for _, bucket := range []string{r.WorkBucket, r.VideoBucket} {
		storetest.BeginUpload(t, bucket, r.task(nil, nil, nil).video())
	}

	removes := map[string]int{"renders": 2, "deleted_renders": 2, "copies": 2, "orphans": 2, "uploads": 2}
	for _, j := range r.list() {
		n := r.run(j.run)
		if want, found := removes[j.name]; found && n != want {
			t.Errorf("%s removed %d, want %d", j.name, n, want)
		}
	}
	for _, bucket := range []string{r.VideoBucket, thumbnails} {
		if keys, err := r.store.Keys(t.Context(), bucket, ""); err != nil || len(keys) > 0 {
			t.Errorf("there is %q, %v", keys, err)
		}
	}
	if keys, err := r.store.Keys(t.Context(), r.WorkBucket, ""); err != nil || len(keys) != 1 { // the mark
		t.Errorf("there is %q, %v", keys, err)
	}
}
