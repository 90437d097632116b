package loom

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/google/uuid"
)

const (
	keyHeader = "Idempotency-Key"
	// maxAnswer bounds an answer in bytes, streams excepted.
	maxAnswer = 64 << 20
	stream    = "text/event-stream"
)

var errTooLarge = fmt.Errorf("the API's answer is larger than %d bytes", maxAnswer)

// sender sends requests until they succeed, or another try does not help. It is what the generated
// client sends with.
type sender struct {
	http         http.Client
	token, agent string
	// base is the path of the API's URL.
	base    string
	retries int
	longest time.Duration
}

// Do returns an answer that is a success, whose body has arrived as a whole unless it is a stream.
// Others are errors.
func (s *sender) Do(request *http.Request) (*http.Response, error) {
	request.Header.Set("Authorization", "Bearer "+s.token)
	request.Header.Set("User-Agent", s.agent)
	// What may have been done already, and would be done twice, is not sent again.
	once := true
	if request.Method == http.MethodPost {
		if once = !s.keyless(request.URL.Path); once && request.Header.Get(keyHeader) == "" {
			request.Header.Set(keyHeader, uuid.NewString())
		}
	}
	pauses := &pauses{ExponentialBackOff: backoff.NewExponentialBackOff()}
	pauses.InitialInterval, pauses.MaxInterval = 500*time.Millisecond, 8*time.Second
	return backoff.Retry(request.Context(), func() (*http.Response, error) {
		response, err := s.try(request)
		problem := new(Problem)
		refused := errors.As(err, &problem)
		pauses.told = problem.RetryAfter
		pauses.stop = errors.Is(err, errTooLarge) || refused && (!worthRetrying(problem) || problem.RetryAfter > s.longest) ||
			!once && problem.Status != http.StatusTooManyRequests || request.Body != nil && request.GetBody == nil
		return response, err
	}, backoff.WithBackOff(pauses), backoff.WithMaxTries(uint(s.retries+1)), backoff.WithMaxElapsedTime(0))
}

// pauses are those between tries.
type pauses struct {
	*backoff.ExponentialBackOff

	// told is the one that the API asks for; 0: it does not say.
	told time.Duration
	// stop: another try would meet the same, or do a thing twice.
	stop bool
}

// NextBackOff returns the next pause, or backoff.Stop.
func (p *pauses) NextBackOff() time.Duration {
	switch {
	case p.stop:
		return backoff.Stop
	case p.told > 0:
		return p.told
	}
	return p.ExponentialBackOff.NextBackOff()
}

// keyless reports whether the API keeps no answer of a path, and takes no key for it.
func (s *sender) keyless(path string) bool {
	path = strings.TrimPrefix(path, s.base)
	return slices.ContainsFunc(keylessPaths, func(of string) bool {
		return slices.EqualFunc(strings.Split(of, "/"), strings.Split(path, "/"), func(a, b string) bool { return a == b || strings.HasPrefix(a, "{") })
	})
}

// worthRetrying reports whether the same request may succeed later.
func worthRetrying(p *Problem) bool {
	// A request of ours whose answer was lost may still run.
	return p.Status == http.StatusRequestTimeout || p.Status == http.StatusTooManyRequests || p.Status >= 500 || p.Code == "request_in_progress"
}

// try sends a request once.
func (s *sender) try(request *http.Request) (*http.Response, error) {
	if request.GetBody != nil {
		body, err := request.GetBody()
		if err != nil {
			return nil, err
		}
		request.Body = body
	}
	response, err := s.http.Do(request) //nolint:gosec // the caller has chosen the URL
	if err != nil {
		return nil, err
	}
	if response.StatusCode == http.StatusOK && strings.HasPrefix(response.Header.Get("Content-Type"), stream) {
		return response, nil
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("read the API's answer: %w", err)
	}
	if len(body) > maxAnswer {
		return nil, errTooLarge
	}
	if response.StatusCode >= 300 && response.StatusCode != http.StatusNotModified {
		return nil, problemOf(response, body)
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response, nil
}
