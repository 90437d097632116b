package uploader

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/store/storetest"
)

// The policy in deploy/s3 is enough for all that the uploader does.
func TestAKeyOfItsOwnUploads(t *testing.T) {
	r := arrange(t)
	const bound = 5 << 20
	first, rest := strings.Repeat("a", bound), "the rest"
	r.put(r.key("video.mp4"), first)
	r.put(r.key("video.mp4.1"), rest)
	r.cfg.PublicURLs = urlsPresigned
	r.store, r.cfg.Store = storetest.Key(t, storetest.Policy(t, "uploader",
		storetest.Buckets{Work: r.cfg.WorkBucket, Videos: r.cfg.VideoBucket, Thumbnails: r.cfg.ThumbnailBucket}))
	if err := bucketsReady(t.Context(), r.store, r.cfg); err != nil {
		t.Error(err)
	}
	public := r.cfg
	public.PublicURLs, public.PublicURLBase = urlsPath, r.cfg.Store.Endpoint
	if wrong, err := CheckAccess(t.Context(), r.store, public); err != nil || len(wrong) != 2 {
		t.Errorf("it finds %v, %v, want the two buckets that are not public", wrong, err)
	}

	task := r.grant("worker-1")
	input := task.Inputs[msg.Video]
	input.Facts = []byte(`{"frames": 60, "bytes": ` + strconv.Itoa(bound+len(rest)) + `}`)
	input.Parts = msg.Parts{Bytes: bound}
	task.Inputs[msg.Video] = input
	// Another uploader was killed while it did the same.
	storetest.BeginUpload(t, r.cfg.VideoBucket, r.render.String()+"/"+r.task.String()+".mp4")
	if _, err := r.Handle(t.Context(), task); err != nil {
		t.Fatal(err)
	}
	row := r.row()
	for _, url := range []*string{row.Video, row.Thumbnail, row.Small} {
		response := get(t, *url)
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Errorf("a signed URL answers %s", response.Status)
		}
	}
	uploads, err := storetest.Client(t).AbortUploads(t.Context(), r.cfg.VideoBucket, func(string, time.Time) bool { return true })
	if err != nil || uploads != 0 {
		t.Errorf("%d uploads are left, %v", uploads, err)
	}

	// The app deletes the render, and a copy comes too late.
	r.exec("delete from renders where id = $1", r.render)
	r.discard(t.Context(), task, file{bucket: r.cfg.VideoBucket, key: r.render.String() + "/" + r.task.String() + ".mp4"},
		file{bucket: r.cfg.ThumbnailBucket, key: r.render.String() + "/" + r.task.String() + ".jpg"})
	if video, thumbnail := r.size(r.cfg.VideoBucket, ".mp4"), r.size(r.cfg.ThumbnailBucket, ".jpg"); video != -1 || thumbnail != -1 {
		t.Errorf("%d and %d bytes were left behind", video, thumbnail)
	}
}
