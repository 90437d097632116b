package uploader

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/loom-lite/loom-lite/pkg/retry"
	"github.com/loom-lite/loom-lite/pkg/store"
)

// AccessError says that a bucket is public though it must not be, or the other way round.
type AccessError struct {
	// Bucket is the bucket's name, Variable the setting that names it.
	Bucket, Variable string
	// Wrong says what is wrong, Mend what to do.
	Wrong, Mend string
}

func (e *AccessError) Error() string {
	return fmt.Sprintf("bucket %s (%s) %s: %s", e.Bucket, e.Variable, e.Wrong, e.Mend)
}

// CheckAccess tries whether the buckets can be read without a signature. Buckets of finished files
// must be public unless their URLs are signed, and the work bucket must not be. It returns an
// AccessError for each bucket that is wrong, and an error for what it could not find out. cfg must
// be settled.
func CheckAccess(ctx context.Context, client *store.Client, cfg Config) (wrong []*AccessError, err error) {
	reads, err := client.AnybodyReads(ctx, cfg.WorkBucket, "video/mp4", func(key string) []string {
		urls := cfg.Store.UnsignedURLs(cfg.WorkBucket, key)
		if cfg.PublicURLs != urlsPresigned {
			urls = append(urls, cfg.publicURL(cfg.WorkBucket, key))
		}
		return urls
	})
	if reads {
		wrong = append(wrong, &AccessError{cfg.WorkBucket, "STORAGE_BUCKET_WORK", "can be read by anybody",
			"make it private: it holds facecams, recordings of pages and what they show when they fail"})
	}
	if cfg.PublicURLs == urlsPresigned {
		return wrong, err
	}
	for _, b := range []struct{ name, variable, contentType string }{
		{cfg.VideoBucket, "STORAGE_BUCKET_VIDEOS", "video/mp4"}, {cfg.ThumbnailBucket, "STORAGE_BUCKET_THUMBNAILS", "image/jpeg"},
	} {
		reads, unknown := client.AnybodyReads(ctx, b.name, b.contentType, func(key string) []string {
			return []string{cfg.publicURL(b.name, key)}
		})
		if err = errors.Join(err, unknown); unknown == nil && !reads {
			wrong = append(wrong, &AccessError{b.name, b.variable, "cannot be read at the URLs that renders are given (PUBLIC_URLS=" + cfg.PublicURLs + ")",
				"make it public, or set PUBLIC_URLS=presigned"})
		}
	}
	return wrong, err
}

// accessTimeout bounds the check at the start. A bucket that cannot be reached from here may be
// reached by users.
const accessTimeout = 2 * time.Minute

// logAccess logs what CheckAccess finds, once.
func logAccess(ctx context.Context, client *store.Client, cfg Config) {
	var wrong []*AccessError
	err := retry.Backoff{First: time.Second, Longest: 30 * time.Second}.Do(ctx, accessTimeout, func() (err error) {
		wrong, err = CheckAccess(ctx, client, cfg)
		return err
	})
	for _, w := range wrong {
		cfg.Log.Error().Str("bucket", w.Bucket).Str("setting", w.Variable).Msg(w.Error())
	}
	if err != nil && ctx.Err() == nil {
		cfg.Log.Info().Err(err).Msg("could not find out from here who may read the buckets")
	}
}
