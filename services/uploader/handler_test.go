package uploader

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/output"
	"github.com/loom-lite/loom-lite/pkg/postgres"
	"github.com/loom-lite/loom-lite/pkg/stage"
)

func TestAnUploadClosesTheRender(t *testing.T) {
	r := arrange(t)
	facts, err := r.Handle(t.Context(), r.grant("worker-1"))
	if err != nil {
		t.Fatal(err)
	}
	base := fmt.Sprintf("https://cdn.example/files/%%s/%s/%s", r.render, r.task)
	want := urls{
		msg.Video: fmt.Sprintf(base, r.cfg.VideoBucket) + ".mp4", msg.Thumbnail: fmt.Sprintf(base, r.cfg.ThumbnailBucket) + ".jpg",
		msg.ThumbnailSmall: fmt.Sprintf(base, r.cfg.ThumbnailBucket) + "-small.jpg",
	}
	wantFacts := msg.UploadFacts{
		VideoKey: fmt.Sprintf("%s/%s.mp4", r.render, r.task), ThumbnailKey: fmt.Sprintf("%s/%s.jpg", r.render, r.task),
		ThumbnailSmallKey: fmt.Sprintf("%s/%s-small.jpg", r.render, r.task),
	}
	if facts != wantFacts {
		t.Errorf("facts %+v, want %+v", facts, wantFacts)
	}
	row := r.row()
	if row.Status != "done" || row.Progress != 100 || row.JobState != "completed" || row.Message != nil || row.Completed == nil ||
		*row.Video != want[msg.Video] || *row.Thumbnail != want[msg.Thumbnail] || *row.Small != want[msg.ThumbnailSmall] ||
		row.GIF != nil || row.WebP != nil {
		t.Errorf("%+v", row)
	}
	if video, thumbnail := r.size(r.cfg.VideoBucket, ".mp4"), r.size(r.cfg.ThumbnailBucket, ".jpg"); video != 18 || thumbnail != 7 {
		t.Errorf("%d and %d bytes", video, thumbnail)
	}
	if n := r.size(r.cfg.ThumbnailBucket, "-small.jpg"); n != 13 {
		t.Errorf("%d bytes of the small thumbnail", n)
	}
}

func TestPreviewsAreStoredWithTheVideo(t *testing.T) {
	r := arrange(t)
	task := r.grant("worker-1")
	task.Inputs[msg.PreviewGIF] = msg.Input{Key: r.key("thumbnail.jpg")}
	task.Inputs[msg.PreviewWebP] = msg.Input{Key: r.key("thumbnail-small.jpg")}
	facts, err := r.Handle(t.Context(), task)
	if err != nil {
		t.Fatal(err)
	}
	key := fmt.Sprintf("%s/%s", r.render, r.task)
	if made, _ := facts.(msg.UploadFacts); made.PreviewGIFKey != key+".gif" || made.PreviewWebPKey != key+".webp" {
		t.Errorf("facts %+v", facts)
	}
	base := fmt.Sprintf("https://cdn.example/files/%s/%s", r.cfg.ThumbnailBucket, key)
	if row := r.row(); row.GIF == nil || row.WebP == nil || *row.GIF != base+".gif" || *row.WebP != base+".webp" {
		t.Errorf("%+v", row)
	}
	if a, b := r.size(r.cfg.ThumbnailBucket, ".gif"), r.size(r.cfg.ThumbnailBucket, ".webp"); a != 7 || b != 13 {
		t.Errorf("%d and %d bytes", a, b)
	}
}

func TestAPageToShareIsStoredBesideItsVideo(t *testing.T) {
	r := arrange(t)
	params, err := json.Marshal(msg.UploadParams{Share: &msg.SharePage{
		Share: output.Share{Title: `Ada </title><script>alert(1)</script>`}, Width: 1920, Height: 1080, Frames: 300, Rate: msg.FPS(60), Language: "de",
		Captions: []msg.Caption{{From: msg.Duration(500 * time.Millisecond), To: msg.Duration(time.Hour + time.Second), Text: "a --> b\n\n<v Ada>"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	task := r.grant("worker-1")
	task.Params = params
	if _, err := r.Handle(t.Context(), task); err != nil {
		t.Fatal(err)
	}
	base := fmt.Sprintf("https://cdn.example/files/%s/%s/%s", r.cfg.VideoBucket, r.render, r.task)
	if row := r.row(); row.Share == nil || *row.Share != base+".html" {
		t.Errorf("%+v", row)
	}
	page, kind := r.read(r.cfg.VideoBucket, ".html")
	for _, want := range []string{
		`<video controls playsinline preload="metadata" width="1920" height="1080" src="` + base + `.mp4"`, `srclang="de"`, `src="` + base + `.vtt"`,
		`<meta property="og:title" content="Ada &lt;/title&gt;&lt;script&gt;alert(1)&lt;/script&gt;">`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s:\n%s", want, page)
		}
	}
	if strings.Contains(page, "<script") || kind != "text/html; charset=utf-8" {
		t.Errorf("a script, or the wrong type %s:\n%s", kind, page)
	}
	const captions = "WEBVTT\n\n00:00:00.500 --> 01:00:01.000\na --&gt; b\n&lt;v Ada&gt;\n"
	if got, kind := r.read(r.cfg.VideoBucket, ".vtt"); got != captions || kind != "text/vtt; charset=utf-8" {
		t.Errorf("captions %q of type %s, want %q", got, kind, captions)
	}
}

func TestARenderIsClosedThroughATransactionPooler(t *testing.T) {
	r := arrange(t)
	pooled, err := postgres.Open(t.Context(), r.databaseURL+"&pgbouncer=true")
	if err != nil {
		t.Fatal(err)
	}
	defer pooled.Close()
	task := r.grant("worker-1")
	r.renders.pool = pooled
	if _, err := r.Handle(t.Context(), task); err != nil {
		t.Fatal(err)
	}
	if row := r.row(); row.Status != "done" {
		t.Errorf("%+v", row)
	}
	if over, err := r.renders.unwanted(t.Context(), r.task); err != nil || over {
		t.Errorf("a task that is done is abandoned: %v, %v", over, err)
	}
}

// A commit whose answer was lost is repeated. It counts once, and is no error.
func TestAnUploadThatIsRepeatedIsAlreadyDone(t *testing.T) {
	r := arrange(t)
	task := r.grant("worker-1")
	first, err := r.Handle(t.Context(), task)
	if err != nil {
		t.Fatal(err)
	}
	again, err := r.Handle(t.Context(), task)
	if err != nil || again != first {
		t.Errorf("%+v, %v", again, err)
	}
}

func TestASupersededAttemptLeavesTheWinnersFilesAlone(t *testing.T) {
	r := arrange(t)
	loser := r.grant("worker-1")
	r.exec("update loom.tasks set lease_until = clock_timestamp() - interval '1 second' where id = $1", r.task)
	winner := r.grant("worker-2")
	if winner.Attempt != 2 {
		t.Fatalf("attempt %d", winner.Attempt)
	}
	video := file{msg.Video, "video/mp4", r.cfg.VideoBucket, r.render.String() + "/" + r.task.String() + ".mp4"}
	if err := r.copy(t.Context(), winner, video, 0); err != nil {
		t.Fatal(err)
	}
	// Before the winner has finished, and after.
	for _, name := range []string{"while the winner works", "once the winner is done"} {
		if _, err := r.Handle(t.Context(), loser); !errors.Is(err, stage.ErrNotWanted) {
			t.Errorf("%s: %v, want ErrNotWanted", name, err)
		}
		if n := r.size(r.cfg.VideoBucket, ".mp4"); n != 18 {
			t.Errorf("%s: the video has %d bytes", name, n)
		}
		if _, err := r.Handle(t.Context(), winner); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if row := r.row(); row.Status != "done" {
		t.Errorf("%+v", row)
	}
}

func TestAnAttemptForARenderThatEndedOtherwiseTakesItsCopiesAway(t *testing.T) {
	for name, end := range map[string]func(*rig){
		"cancelled by the app":         func(r *rig) { r.exec("update renders set status = 'cancelled' where id = $1", r.render) },
		"cancelled, and ingest saw it": func(r *rig) { r.exec("select loom.cancel_render($1)", r.render) },
		"deleted by the app":           func(r *rig) { r.exec("delete from renders where id = $1", r.render) },
		"failed by the app":            func(r *rig) { r.exec("update renders set status = 'failed' where id = $1", r.render) },
	} {
		t.Run(name, func(t *testing.T) {
			r := arrange(t)
			task := r.grant("worker-1")
			r.onceCopied(r.cfg.VideoBucket, func() { end(r) })
			if _, err := r.Handle(t.Context(), task); !errors.Is(err, stage.ErrNotWanted) {
				t.Errorf("%v, want ErrNotWanted", err)
			}
			if video, thumbnail := r.size(r.cfg.VideoBucket, ".mp4"), max(r.size(r.cfg.ThumbnailBucket, ".jpg"),
				r.size(r.cfg.ThumbnailBucket, "-small.jpg")); video != -1 || thumbnail != -1 {
				t.Errorf("%d and %d bytes were left behind", video, thumbnail)
			}
			if n := r.copies(); n != 3 {
				t.Errorf("%d copies are left to be looked after, want all 3", n)
			}
		})
	}
}

// An uploader that is killed after this leaves nothing for good: ingest sweeps what is recorded.
func TestCopiesAreWrittenDownBeforeTheyAreMadeAndUntilTheRenderIsDone(t *testing.T) {
	r := arrange(t)
	task := r.grant("worker-1")
	var first, last int
	r.onceCopied(r.cfg.ThumbnailBucket, func() { first = max(first, r.copies()) })
	r.onceCopied(r.cfg.VideoBucket, func() { last = r.copies() })
	if _, err := r.Handle(t.Context(), task); err != nil {
		t.Fatal(err)
	}
	if after := r.copies(); first != 3 || last != 3 || after != 0 {
		t.Errorf("%d, %d and %d copies were written down, want 3, 3 and none", first, last, after)
	}
}

func TestAnUploadWhoseRendersRowIsHeldIsHandedBack(t *testing.T) {
	r := arrange(t)
	r.patience = 300 * time.Millisecond
	task := r.grant("worker-1")
	tx, err := r.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	if _, err := tx.Exec(t.Context(), "select from renders where id = $1 for update", r.render); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Handle(t.Context(), task); !errors.Is(err, stage.ErrHandBack) {
		t.Errorf("%v, want ErrHandBack", err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Handle(t.Context(), task); err != nil {
		t.Error(err)
	}
}

func TestAnUploadIsHandedBackWhilePostgresIsAway(t *testing.T) {
	r := arrange(t)
	r.patience = 300 * time.Millisecond
	task := r.grant("worker-1")
	away, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer away.Close()
	var serving sync.WaitGroup
	defer serving.Wait()
	defer away.Close()
	serving.Go(func() {
		for {
			conn, err := away.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	})
	pool, err := postgres.Open(t.Context(), "postgres://postgres@"+away.Addr().String()+"/postgres?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	there := r.renders
	r.renders = renders{pool}
	if _, err := r.Handle(t.Context(), task); !errors.Is(err, stage.ErrHandBack) {
		t.Errorf("when it begins: %v, want ErrHandBack", err)
	}
	r.renders = there
	r.onceCopied(r.cfg.VideoBucket, func() { r.renders = renders{pool} })
	if _, err := r.Handle(t.Context(), task); !errors.Is(err, stage.ErrHandBack) {
		t.Errorf("when it ends: %v, want ErrHandBack", err)
	}
}

// The answer to a heartbeat cancels the handler, which may have made its copies by then.
func TestACancelledHandlerTakesItsCopiesAwayOnlyFromARenderThatEnded(t *testing.T) {
	for name, test := range map[string]struct {
		ended bool
		want  int64
	}{"drained": {false, 18}, "cancelled": {true, -1}} {
		t.Run(name, func(t *testing.T) {
			r := arrange(t)
			task := r.grant("worker-1")
			if err := r.copy(t.Context(), task, file{msg.Video, "video/mp4", r.cfg.VideoBucket, r.render.String() + "/" + r.task.String() + ".mp4"}, 0); err != nil {
				t.Fatal(err)
			}
			if test.ended {
				r.exec("update renders set status = 'cancelled' where id = $1", r.render)
				r.exec("select loom.close_ended_plans()")
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := r.Handle(ctx, task); err == nil {
				t.Error("a cancelled handler succeeded")
			}
			if n := r.size(r.cfg.VideoBucket, ".mp4"); n != test.want {
				t.Errorf("the video has %d bytes, want %d", n, test.want)
			}
		})
	}
}

func TestABucketThatIsMissingIsNamed(t *testing.T) {
	r := arrange(t)
	r.cfg.VideoBucket = "no-such-bucket"
	_, err := r.Handle(t.Context(), r.grant("worker-1"))
	var own *stage.Error
	if !errors.As(err, &own) || own.Permanent || own.Code != msg.CodeStorage {
		t.Fatalf("%v, want a retryable %s", err, msg.CodeStorage)
	}
	for _, want := range []string{"no-such-bucket", "does not exist", "STORAGE_BUCKET_VIDEOS"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
}

func TestAVideoThatIsNotTheOneThatWasMadeIsRefused(t *testing.T) {
	r := arrange(t)
	r.put(r.key("video.mp4"), "half of it")
	if _, err := r.Handle(t.Context(), r.grant("worker-1")); err == nil || !strings.Contains(err.Error(), "10 bytes") {
		t.Errorf("%v", err)
	}
	if row := r.row(); row.Status == "done" {
		t.Errorf("%+v", row)
	}
}

func TestURLsHaveTheFormThatIsAskedFor(t *testing.T) {
	r := arrange(t)
	r.cfg.SupabaseURL = "https://abcd.supabase.co/"
	video := file{msg.Video, "video/mp4", r.cfg.VideoBucket, "render/a b+c.mp4"}
	for form, want := range map[string]string{
		urlsSupabase: "https://abcd.supabase.co/storage/v1/object/public/" + r.cfg.VideoBucket + "/render/a%20b+c.mp4",
		urlsPath:     "https://cdn.example/files/" + r.cfg.VideoBucket + "/render/a%20b+c.mp4",
	} {
		r.cfg.PublicURLs = form
		if got, err := r.url(t.Context(), video); err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", form, got, err, want)
		}
	}
}

func TestAPresignedURLPlays(t *testing.T) {
	r := arrange(t)
	r.cfg.PublicURLs = urlsPresigned
	facts, err := r.Handle(t.Context(), r.grant("worker-1"))
	if err != nil {
		t.Fatal(err)
	}
	// Facts travel through a stream that people look at.
	if told, err := json.Marshal(facts); err != nil || strings.Contains(string(told), "X-Amz-") {
		t.Errorf("the facts hold a signed URL: %s, %v", told, err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, *r.row().Video, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || string(body) != "pictures and sound" || response.Header.Get("Content-Type") != "video/mp4" {
		t.Errorf("%s %q, %v", response.Header.Get("Content-Type"), body, err)
	}
	if !strings.Contains(*r.row().Video, "X-Amz-Expires=604800") {
		t.Error("the URL does not work for 7 days")
	}
}
