package maintain

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/pkg/store/storetest"
)

func (o owner) object() string { return o.render.String() + "/" + o.task.String() + "/a1/segment.mp4" }
func (o owner) video() string  { return o.render.String() + "/" + o.task.String() + ".mp4" }

func TestOrphanedObjectsAreDeletedAndNoOthers(t *testing.T) {
	r := newRig(t)
	now := time.Now()
	gone := owner{uuid.New(), uuid.New()}
	r.exec("insert into loom.leftovers (render_id) values ($1)", gone.render)
	kept := map[string]string{
		"of a render in progress":                  r.task(nil, nil, nil).object(),
		"of a render that ended just now":          r.task("done", now, nil).object(),
		"of a render that ended long ago":          r.task("failed", now.Add(-1000*time.Hour), nil).object(),
		"of a deleted render that is looked after": gone.object(),
		"of another program":                       "readme.txt",
		"of another program, in a folder":          uuid.NewString() + "/notes.txt",
		"of another program, with a uuid":          uuid.NewString() + "/" + uuid.NewString(),
		"of another program, with a longer name":   uuid.NewString() + "/" + uuid.NewString() + "0/a",
	}
	swept := r.task("done", now.Add(-48*time.Hour), now)
	shared := r.task("done", now.Add(-48*time.Hour), now)
	reused := r.task("done", now, nil)
	r.exec("update loom.tasks set source_render = $1, source = $2, output_key = '\\x01' where id = $3", shared.render, shared.task, reused.task)
	kept["of a swept render, that another was done with"] = shared.object()
	orphans := map[string]string{
		"of a render that was swept":        swept.object(),
		"another of it":                     strings.Replace(swept.object(), "a1", "a2", 1),
		"of a render that nobody knows":     (owner{uuid.New(), uuid.New()}).object(),
		"of a render whose plan is another": (owner{swept.render, uuid.New()}).object(),
	}
	for _, objects := range []map[string]string{kept, orphans} {
		for _, key := range objects {
			r.put(key)
		}
	}

	r.orphanAge = time.Hour
	if n := r.run(r.orphans); n != 0 {
		t.Errorf("%d objects were deleted that are no hour old", n)
	}
	r.orphanAge = -time.Hour
	for _, want := range []int{len(orphans), 0} {
		if n := r.run(r.orphans); n != want {
			t.Errorf("%d objects were deleted, want %d", n, want)
		}
	}
	left, err := r.store.Keys(t.Context(), r.WorkBucket, "")
	if err != nil {
		t.Fatal(err)
	}
	for what, key := range kept {
		if !slices.Contains(left, key) {
			t.Errorf("the object %s is gone", what)
		}
	}
	for what, key := range orphans {
		if slices.Contains(left, key) {
			t.Errorf("the object %s is still there", what)
		}
	}
}

func TestNothingIsDeletedWhenTheDatabaseCannotBeAsked(t *testing.T) {
	r := newRig(t)
	orphan := (owner{uuid.New(), uuid.New()}).object()
	r.put(orphan)
	r.exec("alter function loom.needs_objects(uuid, uuid) rename to away")
	if err := r.orphans(t.Context(), func(string, int) {}); err == nil {
		t.Error("the job is content")
	}
	if _, err := r.store.Size(t.Context(), r.WorkBucket, orphan); err != nil {
		t.Error(err)
	}
}

func TestDatabasesThatShareABucketCollectNothing(t *testing.T) {
	first := newRig(t)
	second := newRigOn(t, first.WorkBucket, first.VideoBucket)
	orphan := (owner{uuid.New(), uuid.New()}).object()
	collects := func(r *rig, want bool) {
		t.Helper()
		first.put(orphan)
		err := r.orphans(t.Context(), func(string, int) {})
		if (err == nil) != want {
			t.Errorf("the job ends with %v", err)
		}
		if _, size := r.store.Size(t.Context(), r.WorkBucket, orphan); (size != nil) != want {
			t.Errorf("the object: %v", size)
		}
	}
	collects(first, true)
	collects(first, true)
	collects(second, false)
	collects(first, false)
	// The message says what to delete.
	_, others, found := strings.Cut(first.orphans(t.Context(), func(string, int) {}).Error(), "delete ")
	if !found || !strings.HasPrefix(others, marks) {
		t.Fatalf("the message does not say what to delete: %s", others)
	}
	if err := first.store.Delete(t.Context(), first.WorkBucket, others); err != nil {
		t.Fatal(err)
	}
	collects(first, true)
}

func TestAbandonedUploadsAreEnded(t *testing.T) {
	r := newRig(t)
	now := time.Now()
	thinned, deleted, copied := r.task("failed", now.Add(-48*time.Hour), now), owner{uuid.New(), uuid.New()}, owner{uuid.New(), uuid.New()}
	if n := get[int](r, "select loom.thin_plan(id) from loom.plans where render_id = $1", thinned.render); n == 0 {
		t.Fatal("the plan was not thinned")
	}
	r.exec("insert into loom.leftovers (render_id) values ($1)", deleted.render)
	r.exec("insert into loom.copies (bucket, key, task_id) values ('other', 'thumbnail', $1)", copied.task)
	ours := []owner{r.task(nil, nil, nil), r.task("failed", now, nil), thinned, deleted, copied}
	for _, of := range ours {
		storetest.BeginUpload(t, r.VideoBucket, of.video())
	}
	// The app's own keys may be a user's id and a file's.
	theirs := []string{(owner{uuid.New(), uuid.New()}).video(), (owner{ours[0].render, uuid.New()}).video(), "theirs.mp4"}
	for _, key := range theirs {
		storetest.BeginUpload(t, r.VideoBucket, key)
	}
	r.orphanAge = time.Hour
	if n := r.run(r.uploads); n != 0 {
		t.Errorf("%d uploads were ended that are no hour old", n)
	}
	r.orphanAge = -time.Hour
	if n := r.run(r.uploads); n != len(ours) {
		t.Errorf("%d uploads were ended, want %d", n, len(ours))
	}
	var left []string
	if _, err := r.store.AbortUploads(t.Context(), r.VideoBucket, func(key string, _ time.Time) bool {
		left = append(left, key)
		return false
	}); err != nil || !slices.Equal(slices.Sorted(slices.Values(left)), slices.Sorted(slices.Values(theirs))) {
		t.Errorf("uploads are left: %q, %v", left, err)
	}
	r.VideoBucket = "not-there"
	if n := r.run(r.uploads); n != 0 {
		t.Errorf("%d uploads were ended in a bucket that is not there", n)
	}
}

func TestRowsThatSayNothingAreDeleted(t *testing.T) {
	r := newRig(t)
	r.exec(`insert into loom.heard (task_id, attempt, lease_until) values
		(gen_random_uuid(), 1, now() - interval '2 hours'), (gen_random_uuid(), 1, now() + interval '10 seconds')`)
	r.exec("select setval('loom.present_turn', 50000)")
	r.exec("insert into loom.shares (owner, weight) values ('slow', 0.1)")
	r.exec("insert into loom.last_turns (owner, turn) values ('long ago', 49000), ('just now', 49001), ('slow', 41000), ('ahead', 60000)")
	turns := func() string {
		return get[string](r, "select string_agg(owner || ' ' || loom.next_turn(owner), ', ' order by owner) from unnest(array['ahead', 'just now', 'long ago', 'slow']) as o (owner)")
	}
	r.exec(`insert into loom.tools (kind, tools, seen_at) values ('record', 'new', now() - interval '1 day'), ('record', 'old', now() - interval '32 days'),
		('concat', 'last', now() - interval '1 year')`)
	r.exec("insert into loom.workers (worker, stage, heard_at) values ('gone', 'record', now() - interval '8 days'), ('idle', 'record', now() - interval '6 days')")
	before := turns()
	if n := r.run(r.rows); n != 4 {
		t.Errorf("%d rows were deleted, want 4", n)
	}
	if left := get[string](r, "select string_agg(worker, ', ') from loom.workers"); left != "idle" {
		t.Errorf("workers are left: %s", left)
	}
	if left := get[string](r, "select string_agg(tools, ', ' order by tools) from loom.tools"); left != "last, new" {
		t.Errorf("tools are left: %s", left)
	}
	if left := get[string](r, "select string_agg(owner, ', ' order by owner) from loom.last_turns"); left != "ahead, just now, slow" {
		t.Errorf("turns are left of %s", left)
	}
	if after := turns(); after != before {
		t.Errorf("the next turns are %s, and were %s", after, before)
	}
	if n := get[int](r, "select count(*) from loom.heard where lease_until > now()"); n != 1 {
		t.Error("a lease that has not run out is gone")
	}
}

// The rows of one renewal are deleted while somebody else holds others.
func TestRowsThatAreHeldAreSkipped(t *testing.T) {
	r := newRig(t)
	r.exec("insert into loom.heard (task_id, attempt, lease_until) select gen_random_uuid(), 1, now() - interval '2 hours' from generate_series(1, 3)")
	tx, err := r.db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	if _, err := tx.Exec(t.Context(), "select from loom.heard limit 1 for update"); err != nil {
		t.Fatal(err)
	}
	if n := r.run(r.rows); n != 2 {
		t.Errorf("%d rows were deleted, want 2", n)
	}
}
