package uploader

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/loom-lite/loom-lite/pkg/retry"
	"github.com/loom-lite/loom-lite/pkg/store"
)

// ReadingError says that a bucket can be read by others than it should be.
type ReadingError struct {
	// Bucket, and the setting that names it.
	Bucket, Variable string
	// Mend says what to do.
	Wrong, Mend string
}

func (e *ReadingError) Error() string {
	return fmt.Sprintf("bucket %s (%s) %s: %s", e.Bucket, e.Variable, e.Wrong, e.Mend)
}

// CheckReading tries who may read the buckets: finished files are for everybody where their URLs
// are not signed, and what stages hand to each other is for nobody. Each *ReadingError is about one
// bucket; any other error says that something could not be found out. cfg is settled.
func CheckReading(ctx context.Context, client *store.Client, cfg Config) (wrong []*ReadingError, err error) {
	reads, err := client.AnybodyReads(ctx, cfg.WorkBucket, "video/mp4", func(key string) []string {
		urls := cfg.Store.UnsignedURLs(cfg.WorkBucket, key)
		if cfg.PublicURLs != URLsPresigned {
			urls = append(urls, cfg.publicURL(cfg.WorkBucket, key))
		}
		return urls
	})
	if reads {
		wrong = append(wrong, &ReadingError{cfg.WorkBucket, "STORAGE_BUCKET_WORK", "can be read by anybody",
			"make it private: it holds facecams, recordings of pages and what they show when they fail"})
	}
	if cfg.PublicURLs == URLsPresigned {
		return wrong, err
	}
	for _, b := range []struct{ name, variable, contentType string }{
		{cfg.VideoBucket, "STORAGE_BUCKET_VIDEOS", "video/mp4"}, {cfg.ThumbnailBucket, "STORAGE_BUCKET_THUMBNAILS", "image/jpeg"},
	} {
		reads, unknown := client.AnybodyReads(ctx, b.name, b.contentType, func(key string) []string {
			return []string{cfg.publicURL(b.name, key)}
		})
		if err = errors.Join(err, unknown); unknown == nil && !reads {
			wrong = append(wrong, &ReadingError{b.name, b.variable, "cannot be read at the URLs that renders are given (PUBLIC_URLS=" + cfg.PublicURLs + ")",
				"make it public, or set PUBLIC_URLS=presigned"})
		}
	}
	return wrong, err
}

// readingTries is for how long the check at the start is tried: what cannot be reached from here
// may be reached by others.
const readingTries = 2 * time.Minute

// tellReading logs what CheckReading finds, once.
func tellReading(ctx context.Context, client *store.Client, cfg Config) {
	var wrong []*ReadingError
	err := retry.Backoff{First: time.Second, Longest: 30 * time.Second}.Do(ctx, readingTries, func() (err error) {
		wrong, err = CheckReading(ctx, client, cfg)
		return err
	})
	for _, w := range wrong {
		cfg.Log.Error().Str("bucket", w.Bucket).Str("setting", w.Variable).Msg(w.Error())
	}
	if err != nil && ctx.Err() == nil {
		cfg.Log.Info().Err(err).Msg("who may read the buckets could not be found out from here")
	}
}
