package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/loom-lite/loom-lite/pkg/atomicfile"
	"github.com/loom-lite/loom-lite/pkg/redact"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/pkg/usage"
)

// Doer sends requests, to addresses only that a stranger's URL may reach: the client of an
// egress.Policy.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// Fetcher downloads files of one kind.
type Fetcher struct {
	Client Doer
	// Subject is what the files are.
	Subject Subject
	// MaxBytes bounds a file's size.
	MaxBytes int64
	// Timeout bounds a download, from the first byte sent to the last received.
	Timeout time.Duration
	// MinRate is the least number of bytes a second, over each half minute but the one in which the
	// server answers; 0 allows any. A server that does not answer in half a minute is too slow.
	MinRate int64
}

// Fetch downloads a file to path and returns its size. It calls progress with the fraction
// that is done, if the size is known in advance.
func (f Fetcher) Fetch(ctx context.Context, rawURL, path string, progress func(float64)) (int64, error) {
	limited, cancel := context.WithTimeoutCause(ctx, f.Timeout, errSlow)
	defer cancel()
	var came pace
	limited, stop := came.within(limited, f.MinRate)
	defer stop()
	n, err := f.fetch(limited, rawURL, path, &came, progress)
	if err == nil {
		return n, nil
	}
	if ctx.Err() != nil {
		return 0, fmt.Errorf("fetch the %s: %w", f.Subject.Name, context.Cause(ctx))
	}
	if limited.Err() != nil {
		err = context.Cause(limited)
	}
	return 0, f.explain(err)
}

func (f Fetcher) fetch(ctx context.Context, rawURL, path string, came *pace, progress func(float64)) (int64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, rawURL, nil)
	if err != nil {
		return 0, errURL
	}
	req.Header.Set("Accept", f.Subject.Accept)
	req.Header.Set("Accept-Encoding", "identity")
	req.Header.Set("User-Agent", "loom-lite")
	resp, err := f.Client.Do(req)
	if err != nil {
		return 0, redact.Error(err)
	}
	defer func() { _ = resp.Body.Close() }()
	came.answered(f.MinRate)
	if resp.StatusCode != http.StatusOK {
		return 0, statusError(resp.StatusCode)
	}
	if resp.ContentLength > f.MaxBytes {
		return 0, errTooLarge
	}
	counted := &counter{r: io.LimitReader(resp.Body, f.MaxBytes+1), came: came, total: resp.ContentLength, progress: progress}
	n, err := atomicfile.Copy(path, counted, -1, 0o600)
	usage.From(ctx).AddWeb(counted.n)
	switch {
	case atomicfile.IsOwn(err):
		return 0, ourFault(err)
	case err != nil:
		return 0, redact.Error(err)
	case n > f.MaxBytes:
		return 0, errTooLarge
	}
	return n, nil
}

// counter reports progress.
type counter struct {
	r        io.Reader
	came     *pace
	n, total int64
	progress func(float64)
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	c.came.came.Add(int64(n))
	if c.total > 0 && c.progress != nil {
		c.progress(float64(c.n) / float64(c.total))
	}
	return n, err
}

var (
	errSlow     = errors.New("it did not arrive in time")
	errURL      = errors.New("its URL cannot be read")
	errTooLarge = errors.New("it is larger than it may be")
)

// statusError is an HTTP status that is not 200.
type statusError int

func (s statusError) Error() string { return fmt.Sprintf("its server answered %d", int(s)) }

// diskError is a failure of this machine, not of the server.
type diskError struct{ error }

func (e diskError) Unwrap() error { return e.error }

// ourFault returns a failure to write as a diskError, without the path.
func ourFault(err error) error {
	var path *os.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		err = path.Err
	case errors.As(err, &link):
		err = link.Err
	}
	return diskError{fmt.Errorf("write it: %w", err)}
}

// explain returns the error with the code and the words for the product's user.
func (f Fetcher) explain(err error) error {
	code, words, permanent := f.judge(err)
	err = fmt.Errorf("fetch the %s: %w", f.Subject.Name, err)
	var disk diskError
	if errors.As(err, &disk) {
		return err
	}
	if permanent {
		return stage.Permanent(code, words, err)
	}
	return stage.Retryable(code, words, err)
}

func megabytes(n int64) string {
	if n >= 1<<30 {
		return fmt.Sprintf("%.3g GB", float64(n)/(1<<30))
	}
	return fmt.Sprintf("%.3g MB", float64(n)/(1<<20))
}

func kilobytes(n int64) string { return fmt.Sprintf("%.3g kB", float64(n)/(1<<10)) }
