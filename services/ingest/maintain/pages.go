package maintain

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/loom-lite/loom-lite/pkg/retry"
)

const (
	// pageSize is how much is listed at once.
	pageSize = 100
	// pagePause is the pause between pages.
	pagePause = 100 * time.Millisecond
	// failuresInRow is after how many chunks in a row that fail as a whole a job ends: the store
	// is away.
	failuresInRow = 3
)

// eachPage calls do with what list returns, page by page, until a page is not full. list is given
// the last item of the page before, and the zero T at first. do is called for width items at once.
func eachPage[T any](ctx context.Context, width int, list func(ctx context.Context, after T) ([]T, error),
	do func(context.Context, T) error) error {
	var last T
	var errs []error
	failures := 0
	for {
		page, err := list(ctx, last)
		if err != nil {
			return errors.Join(append(errs, err)...)
		}
		for chunk := range slices.Chunk(page, width) {
			failed := atOnce(ctx, chunk, do)
			errs = append(errs, failed...)
			if failures++; len(failed) < len(chunk) {
				failures = 0
			}
			if failures >= failuresInRow || ctx.Err() != nil {
				return errors.Join(errs...)
			}
		}
		if len(page) < pageSize || !retry.Sleep(ctx, pagePause) {
			return errors.Join(errs...)
		}
		last = page[len(page)-1]
	}
}

// atOnce calls do for all items at once, and returns the errors.
func atOnce[T any](ctx context.Context, items []T, do func(context.Context, T) error) []error {
	errs := make([]error, len(items))
	var all sync.WaitGroup
	for i, item := range items {
		all.Go(func() { errs[i] = do(ctx, item) })
	}
	all.Wait()
	return slices.DeleteFunc(errs, func(err error) bool { return err == nil })
}
