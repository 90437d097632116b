package local

import (
	"context"
	"fmt"

	"github.com/loom-lite/loom-lite/pkg/store"
)

// buckets are the settings that name them, with the default name, and whether finished files are in
// it.
var buckets = []struct {
	variable, name string
	finished       bool
}{
	{"STORAGE_BUCKET_VIDEOS", "videos", true},
	{"STORAGE_BUCKET_THUMBNAILS", "thumbnails", true},
	{"STORAGE_BUCKET_WORK", "loom-work", false},
}

// PrepareBuckets makes the buckets that are missing in the store that settings name, and returns
// all three by the setting that names them. public lets anybody read those of finished files.
func PrepareBuckets(ctx context.Context, settings map[string]string, public bool) (map[string]string, error) {
	client, err := store.New(store.Config{
		Endpoint: settings["S3_ENDPOINT"], Region: settings["S3_REGION"], Checksums: settings["S3_CHECKSUMS"],
		AccessKeyID: settings["S3_ACCESS_KEY_ID"], SecretAccessKey: settings["S3_SECRET_ACCESS_KEY"],
	})
	if err != nil {
		return nil, fmt.Errorf("prepare buckets: %w", err)
	}
	defer client.Close()
	names := map[string]string{}
	for _, b := range buckets {
		if settings[b.variable] != "" {
			b.name = settings[b.variable]
		}
		names[b.variable] = b.name
		if err := client.EnsureBucket(ctx, b.name); err != nil {
			return nil, err
		}
		if b.finished && public {
			if err := client.AllowPublicRead(ctx, b.name); err != nil {
				return nil, err
			}
		}
	}
	return names, nil
}
