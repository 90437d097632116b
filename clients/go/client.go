package loom

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/loom-lite/loom-lite/clients/go/api"
)

// Options say how a Client reaches the API.
type Options struct {
	// URL is where the console is, such as https://video.example.com, with its path if it has one.
	// Empty: LOOM_API_URL of the environment.
	URL string
	// Token is one of the API's. Empty: LOOM_API_TOKEN of the environment.
	Token string
	// Retries is how often a request is sent again. 0: twice; less: never.
	Retries int
	// LongestRetryAfter is the longest Retry-After that is waited for. 0: a minute.
	LongestRetryAfter time.Duration
	// HTTP sends requests. It follows no redirects, whatever its CheckRedirect. Nil: a client that
	// waits at most a minute for an answer to begin.
	HTTP *http.Client
	// UserAgent is sent along. Empty: loom-lite-go.
	UserAgent string
}

// Client calls the API. It is safe for concurrent use.
type Client struct {
	*api.ClientWithResponses

	sender *sender
}

// New returns a client. It sends nothing yet.
func New(o Options) (*Client, error) {
	if o.URL == "" {
		o.URL = os.Getenv("LOOM_API_URL")
	}
	if o.Token == "" {
		o.Token = os.Getenv("LOOM_API_TOKEN")
	}
	if o.Token == "" {
		return nil, errors.New("the API's token is missing: set Token or LOOM_API_TOKEN")
	}
	// Its error would quote the URL, which may have a password.
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" {
		return nil, errors.New("the API's URL is missing, or is none: set URL or LOOM_API_URL to one such as https://video.example.com")
	}
	s := &sender{token: o.Token, agent: o.UserAgent, retries: max(o.Retries, 0), longest: o.LongestRetryAfter, base: strings.TrimRight(u.Path, "/")}
	if o.Retries == 0 {
		s.retries = 2
	}
	if s.longest == 0 {
		s.longest = time.Minute
	}
	if s.agent == "" {
		s.agent = "loom-lite-go"
	}
	if o.HTTP != nil {
		s.http = *o.HTTP
	} else if transport, ok := http.DefaultTransport.(*http.Transport); ok {
		transport = transport.Clone()
		transport.ResponseHeaderTimeout = time.Minute
		s.http.Transport = transport
	}
	s.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	generated, err := api.NewClientWithResponses(o.URL, api.WithHTTPClient(s))
	if err != nil {
		return nil, fmt.Errorf("make a client: %w", err)
	}
	return &Client{generated, s}, nil
}

// Close closes connections that no request uses.
func (c *Client) Close() { c.sender.http.CloseIdleConnections() }

// IdempotencyKey makes a POST use key, for programs that keep one over restarts of theirs. Without
// it, each call has a new one.
func IdempotencyKey(key string) api.RequestEditorFn { return Header(keyHeader, key) }

// Header sets a header of a request.
func Header(name, value string) api.RequestEditorFn {
	return func(_ context.Context, r *http.Request) error {
		r.Header.Set(name, value)
		return nil
	}
}

// Submit has a campaign rendered, and returns the render's id. The campaign is whatever encodes to
// the JSON of a campaign file: a map, a struct, or a json.RawMessage.
func (c *Client) Submit(ctx context.Context, campaign any, editors ...api.RequestEditorFn) (id string, err error) {
	return c.SubmitFor(ctx, campaign, nil, editors...)
}

// SubmitFor is Submit with values for the campaign's variables: whatever encodes to a JSON object
// of texts and numbers, by their names.
func (c *Client) SubmitFor(ctx context.Context, campaign, values any, editors ...api.RequestEditorFn) (id string, err error) {
	body, err := json.Marshal(struct {
		Campaign  any `json:"campaign"`
		Variables any `json:"variables,omitempty"`
	}{campaign, values})
	if err != nil {
		return "", fmt.Errorf("encode the campaign: %w", err)
	}
	made, err := c.CreateRenderWithBodyWithResponse(ctx, "application/json", bytes.NewReader(body), editors...)
	if err != nil {
		return "", err
	}
	if made.JSON202 == nil {
		return "", unexpected(made.HTTPResponse)
	}
	return made.JSON202.ID, nil
}

// unexpected is the error of an answer that the API's document does not have.
func unexpected(r *http.Response) error {
	return fmt.Errorf("the API answers %s, which is not in its document", r.Status)
}
