package stage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// Get writes an input to the file at path: all of the objects that it is in, or the file is not
// there.
func (x *transfers) Get(ctx context.Context, name string, input msg.Input, path string) (err error) {
	operation := "fetch " + name
	if input.URL == "" {
		return fmt.Errorf("%s: the grant has no such input", operation)
	}
	one := func(from msg.SignedURL, path string) error {
		return x.retry(ctx, operation, func(ctx context.Context) error { return x.download(ctx, string(from), path) })
	}
	if input.Bytes <= 0 {
		return one(input.URL, path)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(path)
		}
	}()
	for place, from := range append([]msg.SignedURL{input.URL}, input.More...) {
		to := path
		if place > 0 {
			to = path + ".part"
		}
		if err := one(from, to); err != nil {
			return err
		}
		info, err := os.Stat(to)
		if err != nil {
			return fmt.Errorf("%s: %w", operation, err)
		}
		if place > 0 {
			if err := appendTo(path, to); err != nil {
				return fmt.Errorf("%s: %w", operation, err)
			}
		}
		if info.Size() != input.Bytes {
			return nil // the last
		}
	}
	return fmt.Errorf("%s: it is in more objects than the grant has URLs", operation)
}

// appendTo moves the content of the file part to the end of the file at path.
func appendTo(path, part string) (err error) {
	from, err := os.Open(part)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close(), os.Remove(part)) }()
	to, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	return errors.Join(err, to.Close())
}

// Put writes the file at path to an output, in as many objects as it takes.
func (x *transfers) Put(ctx context.Context, name string, output msg.Output, path string) error {
	operation := "store " + name
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	size, each := info.Size(), output.Bytes
	if size > output.Most() {
		return Permanent(msg.CodeStorageTooLarge, storageTooLargeMessage,
			fmt.Errorf("%s: %d bytes, and at most %d can be stored", operation, size, output.Most()))
	}
	if each <= 0 {
		each = msg.MaxObject + 1
	}
	for place, to := range append([]msg.SignedURL{output.URL}, output.More...) {
		offset := int64(place) * each
		if offset > size {
			break
		}
		length := min(each, size-offset)
		err := x.retry(ctx, operation, func(ctx context.Context) error {
			return x.upload(ctx, to, output.ContentType, path, offset, length)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// hungUp reports whether the other side ended the connection while it was written to. net/http
// closes its end as soon as it reads that the other is gone; a write after that fails with
// net.ErrClosed.
func hungUp(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, net.ErrClosed)
}

// whyWithin bounds the wait for an answer to a request whose body is held back.
const whyWithin = 5 * time.Second

// why finds out why a store hung up on a PUT: some refuse what is too large before they have read
// it, and their answer is lost with the connection. They are asked again, and get the body only
// once they have answered, so never. Stores that wait for it say nothing; then it is hungUp's error
// that is returned.
func (x *transfers) why(request *http.Request, hungUp error) error {
	ctx, cancel := context.WithTimeout(request.Context(), whyWithin)
	defer cancel()
	held, never := io.Pipe()
	defer func() { _ = never.Close() }()
	again := request.Clone(ctx)
	again.Body, again.GetBody, again.ContentLength = held, nil, request.ContentLength
	response, err := x.do(again)
	var refused *refusal
	switch {
	case errors.As(err, &refused):
		return err
	case err == nil:
		_ = response.Body.Close()
	}
	return hungUp
}
