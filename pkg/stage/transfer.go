package stage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/loom-lite/loom-lite/pkg/atomicfile"
	"github.com/loom-lite/loom-lite/pkg/fault"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/redact"
	"github.com/loom-lite/loom-lite/pkg/retry"
	"github.com/loom-lite/loom-lite/pkg/usage"
)

// Words for the product's user.
const (
	storageMessage = "The storage for videos could not be reached. Please try again in a few minutes."

	storageTooLargeMessage = "The storage for videos does not take files as large as this video needs. Whoever runs it must raise its limit."
	storageRefusedMessage  = "The storage for videos is set up so that it does not take this video. Whoever runs it must change that."
)

// transfers moves objects between files and presigned URLs.
type transfers struct {
	client *http.Client
	// stall is how long a transfer may go without a byte.
	stall time.Duration
	// pause is the first pause between tries; later ones grow to longest, and trying ends after
	// patience.
	pause, longest, patience time.Duration
}

// s3 is what tasks use. It holds no connections between transfers, so none outlives its task.
var s3 = &transfers{
	client: &http.Client{Transport: &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 2 * time.Minute,
		DisableKeepAlives:     true,
		DisableCompression:    true,
		ForceAttemptHTTP2:     false,
		WriteBufferSize:       256 << 10,
		ReadBufferSize:        256 << 10,
	}},
	stall: time.Minute, pause: 250 * time.Millisecond, longest: 8 * time.Second, patience: 45 * time.Second,
}

// Fetch writes the input called name to the file at path: all of it, or the file is not there.
//
// Network errors, 5xx and 429 are retried for a while. After that, and when the object is gone, the
// error is retryable with code storage_unavailable. When the URL has expired the error wraps
// ErrHandBack. Errors never hold the URL.
func (t *Task) Fetch(ctx context.Context, name, path string) error {
	input, ok := t.Inputs[name]
	if !ok {
		return fmt.Errorf("fetch %s: the grant has no such input", name)
	}
	err := t.Objects.Get(ctx, name, input, path)
	fault.Here(fault.InputFetched)
	return err
}

// Store writes the file at path to the output called name. Errors are as Fetch's; and what is
// larger than the store takes is permanent, with code storage_too_large.
func (t *Task) Store(ctx context.Context, name, path string) error {
	output, ok := t.Outputs[name]
	if !ok {
		return fmt.Errorf("store %s: the grant has no such output", name)
	}
	err := t.Objects.Put(ctx, name, output, path)
	fault.Here(fault.OutputStored)
	return err
}

// retry repeats try until it succeeds, fails for good, or time is over.
func (x *transfers) retry(ctx context.Context, operation string, try func(context.Context) error) error {
	err := retry.Backoff{First: x.pause, Longest: x.longest}.Do(ctx, x.patience, func() error { return try(ctx) })
	var refused *refusal
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", operation, context.Cause(ctx))
	case errors.As(err, &refused) && refused.expired:
		return fmt.Errorf("%s: %w: %w", operation, ErrHandBack, err)
	case errors.As(err, &refused) && refused.missing():
		return Retryable(msg.CodeStorageMissing, storageMessage, fmt.Errorf("%s: %w", operation, err))
	case errors.As(err, &refused) && refused.tooLarge():
		return Permanent(msg.CodeStorageTooLarge, storageTooLargeMessage, fmt.Errorf("%s: %w", operation, err))
	case errors.As(err, &refused) && refused.forGood():
		return Permanent(msg.CodeStorageRefused, storageRefusedMessage, fmt.Errorf("%s: %w", operation, err))
	case atomicfile.IsOwn(err):
		return fmt.Errorf("%s: %w", operation, err)
	}
	return Retryable(msg.CodeStorage, storageMessage, fmt.Errorf("%s: %w", operation, err))
}

func (x *transfers) download(ctx context.Context, from, path string) error {
	ctx, moved, stop := x.watch(ctx)
	defer stop()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return retry.Permanent(errors.New("the URL is not valid"))
	}
	response, err := x.do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()

	_, err = atomicfile.Copy(path, &counter{response.Body, moved, usage.From(ctx).AddIn}, response.ContentLength, 0o600)
	switch {
	case err == nil:
		return nil
	case atomicfile.IsOwn(err):
		return retry.Permanent(err)
	}
	return broken(ctx, err)
}

// upload writes length bytes of the file at path, from offset, to the object that to is the URL of.
func (x *transfers) upload(ctx context.Context, to msg.SignedURL, contentType, path string, offset, length int64) error {
	file, err := os.Open(path)
	if err != nil {
		return retry.Permanent(err)
	}
	defer func() { _ = file.Close() }()
	account := usage.From(ctx)
	ctx, moved, stop := x.watch(ctx)
	defer stop()
	body := func() (io.ReadCloser, error) {
		if length == 0 {
			return http.NoBody, nil
		}
		return io.NopCloser(&counter{io.NewSectionReader(file, offset, length), moved, account.AddOut}), nil
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, string(to), nil)
	if err != nil {
		return retry.Permanent(errors.New("the URL is not valid"))
	}
	request.Body, _ = body()
	request.GetBody = body
	request.ContentLength = length
	request.Header.Set("Content-Type", contentType)
	response, err := x.do(request)
	if hungUp(err) {
		return x.why(request, err)
	}
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10))
	return response.Body.Close()
}

// do sends a request and returns a response of success, or an error without the URL.
func (x *transfers) do(request *http.Request) (*http.Response, error) {
	response, err := x.client.Do(request)
	if err != nil {
		return nil, broken(request.Context(), err)
	}
	if response.StatusCode >= 200 && response.StatusCode < 300 {
		return response, nil
	}
	defer func() { _ = response.Body.Close() }()
	refused := &refusal{
		status: response.StatusCode, code: refusalCode(response.Body),
	}
	// Most stores answer 403 then, Supabase 400 with a code of its own.
	refused.expired = refused.code == "ExpiredToken" ||
		response.StatusCode == http.StatusForbidden && expired(request.URL, time.Now())
	if refused.expired {
		return nil, retry.Permanent(refused)
	}
	switch status := response.StatusCode; {
	case status >= 500, status == http.StatusTooManyRequests, status == http.StatusRequestTimeout:
		return nil, refused
	}
	return nil, retry.Permanent(refused)
}

// broken is a network error without the URL that net/http puts into it.
func broken(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, errStalled) {
		return errStalled
	}
	return redact.Error(err)
}

var errStalled = errors.New("the transfer stood still")

// watch returns a context that is cancelled when moved is not called for stall.
func (x *transfers) watch(parent context.Context) (ctx context.Context, moved func(), stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	// Until the first byte of the answer ResponseHeaderTimeout bounds the wait as well.
	timer := time.AfterFunc(x.stall, func() { cancel(errStalled) })
	return ctx, func() { timer.Reset(x.stall) }, func() {
		timer.Stop()
		cancel(nil)
	}
}

// counter calls moved for every read, and count with what it brought: what a try that fails has
// moved counts too.
type counter struct {
	io.Reader
	moved func()
	count func(bytes int64)
}

func (c *counter) Read(p []byte) (int, error) {
	c.moved()
	n, err := c.Reader.Read(p)
	c.count(int64(n))
	return n, err
}
