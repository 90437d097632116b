package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"

	"github.com/loom-lite/loom-lite/pkg/atomicfile"
	"github.com/loom-lite/loom-lite/pkg/redact"
	"github.com/loom-lite/loom-lite/pkg/store"
	"github.com/loom-lite/loom-lite/services/console/renders"
)

// fetch downloads a finished render's files. With keys it reads them from the store, which works
// for private buckets too; without, from the URLs that the app gets.
func fetch(ctx context.Context, settings map[string]string, r renders.Render, tasks []renders.Task, to renders.Files) error {
	files := []struct {
		url                *string
		bucket, suffix, to string
	}{
		{r.VideoURL, "VIDEOS", ".mp4", to.Video},
		{r.ThumbURL, "THUMBNAILS", ".jpg", to.Thumbnail},
		{r.PreviewURL, "THUMBNAILS", ".gif", to.PreviewGIF},
		{r.PreviewWebP, "THUMBNAILS", ".webp", to.PreviewWebP},
	}
	one := func(url *string, _, _, to string) error { return download(ctx, text(url), to) }
	if upload, found := renders.UploadTask(tasks); found && settings["S3_ENDPOINT"] != "" && settings["S3_ACCESS_KEY_ID"] != "" {
		client, err := openStore(settings)
		if err != nil {
			return err
		}
		defer client.Close()
		one = func(_ *string, in, suffix, to string) error {
			return client.Download(ctx, bucket(settings, in), r.ID.String()+"/"+upload.ID.String()+suffix, to)
		}
	}
	var failed error
	for _, f := range files {
		if f.to != "" {
			failed = errors.Join(failed, one(f.url, f.bucket, f.suffix, f.to))
		}
	}
	return failed
}

func openStore(settings map[string]string) (*store.Client, error) {
	return store.New(store.Config{
		Endpoint: settings["S3_ENDPOINT"], Region: settings["S3_REGION"], Checksums: settings["S3_CHECKSUMS"],
		AccessKeyID: settings["S3_ACCESS_KEY_ID"], SecretAccessKey: settings["S3_SECRET_ACCESS_KEY"],
	})
}

// buckets are the default names, by the last part of their variables.
var buckets = map[string]string{"VIDEOS": "videos", "THUMBNAILS": "thumbnails", "WORK": "loom-work"}

func bucket(settings map[string]string, which string) string {
	if name := settings["STORAGE_BUCKET_"+which]; name != "" {
		return name
	}
	return buckets[which]
}

// download writes the response of url to the file at path, or leaves the file unchanged. Its errors
// do not hold the URL, which may be signed.
func download(ctx context.Context, url, path string) error {
	operation := "download " + filepath.Base(path)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return errors.New(operation + ": the render's URL is not valid")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("%s: %w", operation, redact.Error(err))
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s answered %s: set S3_ENDPOINT and its keys if the bucket is private", operation,
			request.URL.Host, response.Status)
	}
	if _, err := atomicfile.Copy(path, response.Body, response.ContentLength, 0o644); err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	return nil
}
