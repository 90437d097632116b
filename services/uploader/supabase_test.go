package uploader

import (
	"bytes"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/pkg/store"
	"github.com/loom-lite/loom-lite/pkg/store/storetest"
)

// onSupabase returns a rig whose store behaves like Supabase's.
func onSupabase(t *testing.T) (*rig, *storetest.Supabase) {
	t.Helper()
	r := arrange(t)
	cfg, supabase := storetest.AsSupabase(t)
	client, err := store.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	r.cfg.Store, r.store = cfg, client
	r.cfg.PublicURLs, r.cfg.SupabaseURL = urlsSupabase, supabase.Endpoint
	return r, supabase
}

func TestAVideoThatIsInPartsIsStoredAsOne(t *testing.T) {
	r, _ := onSupabase(t)
	const bound = 5 << 20
	for name, rest := range map[string]string{"some": "the rest", "none": ""} {
		t.Run(name, func(t *testing.T) {
			first := strings.Repeat("a", bound)
			r.put(r.key("video.mp4"), first)
			r.put(r.key("video.mp4.1"), rest)
			task := r.grant("worker-1")
			input := task.Inputs[msg.Video]
			input.Facts = []byte(`{"frames": 60, "bytes": ` + strconv.Itoa(bound+len(rest)) + `}`)
			input.Parts = msg.Parts{Bytes: bound}
			task.Inputs[msg.Video] = input
			facts, err := stage.Facts[msg.VideoFacts](task, msg.Video)
			if err != nil {
				t.Fatal(err)
			}
			if err := r.copy(t.Context(), task, file{msg.Video, "video/mp4", r.cfg.VideoBucket, name + ".mp4"}, facts.Bytes); err != nil {
				t.Fatal(err)
			}
			url, err := r.store.PresignGet(t.Context(), r.cfg.VideoBucket, name+".mp4", time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			response := get(t, string(url))
			defer response.Body.Close()
			var body bytes.Buffer
			if _, err := body.ReadFrom(response.Body); err != nil || body.String() != first+rest {
				t.Errorf("%d bytes, %v", body.Len(), err)
			}
			r.exec("update loom.tasks set state = 'due' where id = $1", r.task)
		})
	}
}

func TestWhatTheStoreWillNeverTakeFailsForGoodWithWordsOfItsOwn(t *testing.T) {
	for code, c := range map[string]struct {
		status int
		want   msg.Code
		says   string
	}{
		"EntityTooLarge":  {http.StatusRequestEntityTooLarge, msg.CodeStorageTooLarge, "raise the limit of bucket "},
		"InvalidMimeType": {http.StatusUnsupportedMediaType, msg.CodeStorageRefused, "must take image/jpeg"},
	} {
		t.Run(code, func(t *testing.T) {
			r, supabase := onSupabase(t)
			supabase.Refuse(r.cfg.ThumbnailBucket, c.status, code)
			_, err := r.Handle(t.Context(), r.grant("worker-1"))
			var failure *stage.Error
			if !errors.As(err, &failure) || failure.Code != c.want || !failure.Permanent || failure.Message == storageMessage ||
				!strings.Contains(err.Error(), c.says) {
				t.Error(err)
			}
		})
	}
}

func TestABucketThatIsGoneIsNamedWhateverTheStoreSaysOfIt(t *testing.T) {
	for name, change := range map[string]func(*rig){
		"of videos": func(r *rig) { r.cfg.VideoBucket = "no-such-bucket" },
		"of work":   func(r *rig) { r.cfg.WorkBucket = "no-such-bucket" },
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := onSupabase(t)
			change(r)
			_, err := r.Handle(t.Context(), r.grant("worker-1"))
			if !errors.Is(err, store.ErrNoBucket) || !strings.Contains(err.Error(), "no-such-bucket") || !strings.Contains(err.Error(), "create it") {
				t.Error(err)
			}
		})
	}
}

func TestWhoMayReadTheBucketsIsTried(t *testing.T) {
	for name, c := range map[string]struct {
		urls          string
		public, opens bool // finished files, and the work bucket
		want          []string
	}{
		"public ones, as URLs say":       {urlsSupabase, true, false, nil},
		"private ones, and public URLs":  {urlsSupabase, false, false, []string{"STORAGE_BUCKET_VIDEOS", "STORAGE_BUCKET_THUMBNAILS"}},
		"private ones, and signed URLs":  {urlsPresigned, false, false, nil},
		"a work bucket for everybody":    {urlsSupabase, true, true, []string{"STORAGE_BUCKET_WORK"}},
		"a work bucket, and signed URLs": {urlsPresigned, false, true, []string{"STORAGE_BUCKET_WORK"}},
		"private ones, and paths":        {urlsPath, false, false, []string{"STORAGE_BUCKET_VIDEOS", "STORAGE_BUCKET_THUMBNAILS"}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, supabase := storetest.AsSupabase(t)
			client, err := store.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			plain := storetest.Client(t) // Supabase takes no policies
			own := Config{Store: cfg, PublicURLs: c.urls, SupabaseURL: supabase.Endpoint, PublicURLBase: supabase.Endpoint,
				WorkBucket: storetest.Bucket(t, client), VideoBucket: storetest.Bucket(t, client), ThumbnailBucket: storetest.Bucket(t, client)}
			for bucket, opens := range map[string]bool{own.VideoBucket: c.public, own.ThumbnailBucket: c.public, own.WorkBucket: c.opens} {
				if opens {
					if err := plain.AllowPublicRead(t.Context(), bucket); err != nil {
						t.Fatal(err)
					}
				}
			}
			wrong, err := CheckAccess(t.Context(), client, own)
			if err != nil {
				t.Fatal(err)
			}
			var found []string
			for _, w := range wrong {
				found = append(found, w.Variable)
			}
			if strings.Join(found, " ") != strings.Join(c.want, " ") {
				t.Errorf("%v, want %v", found, c.want)
			}
		})
	}
	// No server answers, which says nothing about the buckets.
	cfg := storetest.Server(t)
	client := storetest.Client(t)
	own := Config{Store: cfg, PublicURLs: urlsPath, PublicURLBase: "http://127.0.0.1:1",
		WorkBucket: storetest.Bucket(t, client), VideoBucket: storetest.Bucket(t, client), ThumbnailBucket: storetest.Bucket(t, client)}
	if wrong, err := CheckAccess(t.Context(), client, own); err == nil || len(wrong) != 0 {
		t.Errorf("unreachable: %v, %v", wrong, err)
	}
}

func get(t *testing.T, url string) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	return response
}
