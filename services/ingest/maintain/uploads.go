package maintain

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/loom-lite/loom-lite/pkg/store"
)

// uploads ends the uploads in several parts that were begun long ago and not completed. Their parts
// use space, though no listing shows them. The uploader makes such uploads when it joins a large
// video, and ends those of its own that failed; one that is killed cannot. No grant lasts for
// orphanAge, so nobody will complete these.
func (m *Maintainer) uploads(ctx context.Context, removed func(string, int)) error {
	before := time.Now().Add(-m.orphanAge)
	for _, bucket := range []string{m.WorkBucket, m.VideoBucket} {
		n, err := m.Store.AbortUploads(ctx, bucket, func(key string, begun time.Time) bool {
			_, ours := ownerOf(key)
			return ours && begun.Before(before)
		})
		removed(uploads, n)
		// A store that does not list uploads may collect them itself. Nothing was uploaded to a
		// bucket that is not there.
		if err != nil && !errors.Is(err, store.ErrNoUploads) && !errors.Is(err, store.ErrNoBucket) {
			return fmt.Errorf("end abandoned uploads: %w", err)
		}
	}
	return nil
}
