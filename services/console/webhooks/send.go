package webhooks

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/loom-lite/loom-lite/pkg/egress"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/service"
)

// Timeout bounds an attempt, from the look-up of the name to the end of the answer.
const Timeout = 15 * time.Second

// kept is how much of an answer's body is kept, in bytes.
const kept = 1024

// answer is what became of an attempt.
type answer struct {
	// status is 0 if there was none.
	status int
	// reason says why the attempt failed; empty if it did not.
	reason string
	// body is its beginning.
	body string
	// retryAfter is how long the receiver asks to be left alone.
	retryAfter time.Duration
}

// delivered reports whether the receiver has taken the message.
func (a answer) delivered() bool { return a.reason == "" }

// gone reports whether the receiver wants no more messages.
func (a answer) gone() bool { return a.status == http.StatusGone }

// overloaded reports whether the receiver should get less.
func (a answer) overloaded() bool {
	switch a.status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return a.retryAfter > 0
}

// newClient returns a client that connects as policy allows and follows no redirect: what is at the
// other end of one was not asked whether it wants our messages.
func newClient(policy egress.Policy) *http.Client {
	transport := policy.Transport()
	transport.DisableCompression = true
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// userAgent names us to receivers.
var userAgent = "loom-lite/" + strings.ReplaceAll(service.Version(), " ", "-")

// send posts a message once, signed with each of the secrets. ctx bounds it, and has its trace.
func send(ctx context.Context, client *http.Client, target, id string, secrets []Secret, message []byte) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(message))
	if err != nil {
		return answer{reason: "this is not the URL of an endpoint"}, nil
	}
	now := time.Now()
	var signatures []string
	for _, secret := range secrets {
		signer, err := standardwebhooks.NewWebhookRaw(secret)
		if err != nil {
			return answer{}, fmt.Errorf("sign: %w", err)
		}
		signature, err := signer.Sign(id, now, message)
		if err != nil {
			return answer{}, fmt.Errorf("sign: %w", err)
		}
		signatures = append(signatures, signature)
	}
	request.Header = http.Header{
		"Content-Type": {"application/json"}, "User-Agent": {userAgent},
		http.CanonicalHeaderKey(standardwebhooks.HeaderWebhookID):        {id},
		http.CanonicalHeaderKey(standardwebhooks.HeaderWebhookTimestamp): {strconv.FormatInt(now.Unix(), 10)},
		http.CanonicalHeaderKey(standardwebhooks.HeaderWebhookSignature): {strings.Join(signatures, " ")},
	}
	if trace := msg.TraceOf(ctx); trace != (msg.Trace{}) {
		request.Header.Set(msg.HeaderTrace, trace.String())
	}
	response, err := client.Do(request)
	if err != nil {
		return answer{reason: reasonOf(ctx, err)}, nil
	}
	defer func() { _ = response.Body.Close() }()
	a := answer{status: response.StatusCode, retryAfter: retryAfter(response.Header.Get("Retry-After"), now)}
	// Whatever comes of its body: the receiver has the message.
	text, _ := io.ReadAll(io.LimitReader(response.Body, kept))
	a.body = strings.ReplaceAll(strings.ToValidUTF8(string(text), "�"), "\x00", "�")
	switch {
	case a.status >= 300 && a.status < 400:
		a.reason = fmt.Sprintf("it answered %d: redirects are not followed", a.status)
	case a.status < 200 || a.status > 299:
		a.reason = fmt.Sprintf("it answered %d", a.status)
	}
	return a, nil
}

// retryAfter reads the header: seconds, or a date.
func retryAfter(header string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseInt(strings.TrimSpace(header), 10, 32); err == nil {
		return max(0, time.Duration(seconds)*time.Second)
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// reasonOf says why there was no answer, in words for who made the endpoint: nothing in them tells
// what is where in our network.
func reasonOf(ctx context.Context, err error) string {
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	var op *net.OpError
	switch {
	case errors.Is(err, egress.ErrRefused):
		return "its address is not public"
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return "it did not answer in time"
	case errors.As(err, &dns):
		return "its name has no address"
	case errors.As(err, &certificate):
		return "its certificate cannot be trusted: " + certificate.Err.Error()
	case errors.As(err, &op) && op.Op == "dial":
		return "it could not be connected to"
	}
	var in *url.Error
	if errors.As(err, &in) {
		err = in.Err
	}
	if text := err.Error(); errors.Is(err, io.EOF) || strings.Contains(text, "EOF") {
		return "it ended the connection without an answer"
	}
	return "its answer could not be read"
}
