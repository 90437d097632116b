package remote

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	loom "github.com/loom-lite/loom-lite/clients/go"
	"github.com/loom-lite/loom-lite/clients/go/api"
	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/tokens"
	"github.com/loom-lite/loom-lite/services/console/webhooks"
)

// CreateToken makes a token.
func (d *Deployment) CreateToken(ctx context.Context, r tokens.Request) (tokens.Token, string, error) {
	body, err := reader(struct {
		Name    string       `json:"name"`
		Scope   access.Scope `json:"scope"`
		User    *uuid.UUID   `json:"user_id,omitempty"`
		Expires *time.Time   `json:"expires_at,omitempty"`
	}{r.Name, r.Scope, r.User, r.Expires})
	if err != nil {
		return tokens.Token{}, "", err
	}
	made, err := decode[struct {
		tokens.Token

		Secret string `json:"token"`
	}](d.client.CreateTokenWithBody(ctx, jsonType, body))
	if invalid(err) {
		err = fmt.Errorf("%w: %w", tokens.ErrInvalid, err)
	}
	return made.Token, made.Secret, err
}

// invalid reports whether the API says that a request is not valid.
func invalid(err error) bool {
	var problem *loom.Problem
	return errors.As(err, &problem) && problem.Code == "invalid"
}

// Tokens returns the newest tokens.
func (d *Deployment) Tokens(ctx context.Context, limit int) ([]tokens.Token, error) {
	return take[tokens.Token](limit, func(cursor *string) (*http.Response, error) {
		return d.client.ListTokens(ctx, &api.ListTokensParams{Limit: new(min(limit, mostOfAPage)), Cursor: cursor})
	})
}

// RevokeToken ends a token, and returns whether it had not ended before.
func (d *Deployment) RevokeToken(ctx context.Context, id uuid.UUID) (bool, error) {
	t, err := decode[tokens.Token](d.client.GetToken(ctx, id.String()))
	if err != nil || t.RevokedAt != nil {
		return false, ifMissing(err, tokens.ErrNotFound)
	}
	if err := done(d.client.RevokeToken(ctx, id.String())); err != nil {
		return false, ifMissing(err, tokens.ErrNotFound)
	}
	return true, nil
}

// CreateEndpoint makes an endpoint of webhooks. It must be one that the console reaches.
func (d *Deployment) CreateEndpoint(ctx context.Context, n webhooks.NewEndpoint) (webhooks.Endpoint, webhooks.Secret, error) {
	body, err := reader(struct {
		URL         string   `json:"url"`
		Description string   `json:"description,omitempty"`
		Events      []string `json:"events,omitempty"`
	}{n.URL, n.Description, n.Events})
	if err != nil {
		return webhooks.Endpoint{}, nil, err
	}
	made, err := decode[struct {
		webhooks.Endpoint

		Secret string `json:"secret"`
	}](d.client.CreateWebhookEndpointWithBody(ctx, jsonType, body))
	if err != nil {
		return webhooks.Endpoint{}, nil, err
	}
	secret, err := webhooks.ParseSecret(made.Secret)
	if err != nil {
		return made.Endpoint, nil, fmt.Errorf("read the API's answer: %w", err)
	}
	return made.Endpoint, secret, nil
}

// Endpoints returns the endpoints of webhooks.
func (d *Deployment) Endpoints(ctx context.Context) ([]webhooks.Endpoint, error) {
	return take[webhooks.Endpoint](0, func(cursor *string) (*http.Response, error) {
		return d.client.ListWebhookEndpoints(ctx, &api.ListWebhookEndpointsParams{Limit: new(mostOfAPage), Cursor: cursor})
	})
}

// DeleteEndpoint deletes an endpoint of webhooks, if it is there.
func (d *Deployment) DeleteEndpoint(ctx context.Context, id uuid.UUID) error {
	return ifMissing(done(d.client.DeleteWebhookEndpoint(ctx, id.String())), nil)
}
