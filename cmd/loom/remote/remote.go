package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"

	loom "github.com/loom-lite/loom-lite/clients/go"
	"github.com/loom-lite/loom-lite/pkg/atomicfile"
	"github.com/loom-lite/loom-lite/pkg/redact"
	"github.com/loom-lite/loom-lite/pkg/service"
	"github.com/loom-lite/loom-lite/services/console/renders"
)

// Deployment is an installation behind its API.
type Deployment struct {
	client *loom.Client
	url    *url.URL
}

// ErrRefused is wrapped by errors of requests that the token does not allow, or not any more.
var ErrRefused = errors.New("the API refuses the token")

// New returns the deployment whose console is at address. It sends nothing yet.
func New(address, token string) (*Deployment, error) {
	client, err := loom.New(loom.Options{URL: address, Token: token, UserAgent: "loom/" + service.Version()})
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("the API's URL is none")
	}
	return &Deployment{client, u}, nil
}

// Where says where the API is.
func (d *Deployment) Where() string { return d.url.Scheme + "://" + d.url.Host + d.url.Path }

// Close closes the connections.
func (d *Deployment) Close() { d.client.Close() }

// Exposed reports whether others on the way to the API can read the token.
func (d *Deployment) Exposed() bool { return d.url.Scheme == "http" && !d.Here() }

// Here reports whether the API is on this machine.
func (d *Deployment) Here() bool {
	name := d.url.Hostname()
	address := net.ParseIP(name)
	return name == "localhost" || address != nil && address.IsLoopback()
}

// list is a page of a list.
type list[T any] struct {
	Items []T     `json:"items"`
	Next  *string `json:"next_cursor"`
}

// decode reads an answer. Its types are those that the console has encoded.
func decode[T any](r *http.Response, err error) (value T, _ error) {
	if err != nil {
		return value, explain(err)
	}
	defer r.Body.Close()
	if err := json.NewDecoder(r.Body).Decode(&value); err != nil {
		return value, fmt.Errorf("read the API's answer: %w", err)
	}
	return value, nil
}

// jsonType is what reader returns.
const jsonType = "application/json"

// reader encodes a request's body.
func reader(value any) (io.Reader, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("encode the request: %w", err)
	}
	return bytes.NewReader(text), nil
}

// done is decode for answers that say nothing.
func done(r *http.Response, err error) error {
	if err != nil {
		return explain(err)
	}
	return r.Body.Close()
}

// take returns at most limit items of a list that has pages, and all if limit is 0. page reads the
// one at a cursor.
func take[T any](limit int, page func(cursor *string) (*http.Response, error)) ([]T, error) {
	var all []T
	items := loom.Pages(func(cursor *string) ([]T, *string, error) {
		got, err := decode[list[T]](page(cursor))
		return got.Items, got.Next, err
	})
	for item, err := range items {
		if err != nil {
			return nil, err
		}
		if all = append(all, item); len(all) == limit {
			break
		}
	}
	return all, nil
}

// mostOfAPage bounds the items of a page.
const mostOfAPage = 100

// explain returns the console's own error where a problem stands for one.
func explain(err error) error {
	var problem *loom.Problem
	if errors.As(err, &problem) {
		switch {
		case problem.Code == "rows_held":
			return renders.ErrHeld
		case problem.Status == http.StatusUnauthorized || problem.Status == http.StatusForbidden:
			return fmt.Errorf("%w: %w", ErrRefused, err)
		}
		return err
	}
	var broken *url.Error
	if errors.As(err, &broken) && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("the API cannot be reached: %w", redact.Error(err))
	}
	return err
}

// ifMissing returns err or, if the API says that there is no such thing, which error that is.
func ifMissing(err, missing error) error {
	var problem *loom.Problem
	if errors.As(err, &problem) && problem.Code == "not_found" {
		return missing
	}
	return err
}

// conflicts reports whether the API says that the state of a thing does not allow what was asked.
func conflicts(err error) bool {
	var problem *loom.Problem
	return errors.As(err, &problem) && problem.Code == "conflict"
}

// errGone says that a signed URL names nothing.
var errGone = errors.New("there is no such object any more")

// download writes the object at a signed URL to the file at path. Errors do not hold the URL.
func download(ctx context.Context, signed, path string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, signed, nil)
	if err != nil {
		return errors.New("the API's URL of the object is none")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return redact.Error(err)
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return errGone
	default:
		return fmt.Errorf("%s answered %s", request.URL.Host, response.Status)
	}
	_, err = atomicfile.Copy(path, response.Body, response.ContentLength, 0o644)
	return err
}

// save writes an answer to the file at path.
func save(path string, r *http.Response, err error) error {
	if err != nil {
		return explain(err)
	}
	defer r.Body.Close()
	content, err := io.ReadAll(r.Body)
	if err != nil {
		return fmt.Errorf("read the API's answer: %w", err)
	}
	return atomicfile.Write(path, content, 0o644)
}
