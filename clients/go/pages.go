package loom

import (
	"context"
	"iter"

	"github.com/loom-lite/loom-lite/clients/go/api"
)

// Pages iterates over what a list has. page returns the page at a cursor, which is nil for the
// first one, and the cursor of the next, nil on the last one. An error ends the iteration.
func Pages[T any](page func(cursor *string) (items []T, next *string, err error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for cursor := (*string)(nil); ; {
			items, next, err := page(cursor)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
			if next == nil {
				return
			}
			cursor = next
		}
	}
}

// Renders iterates over the renders that params mean, the newest first. Pages are fetched as they
// are needed. It sets the cursor of params itself.
func (c *Client) Renders(ctx context.Context, params api.ListRendersParams) iter.Seq2[api.Render, error] {
	return Pages(func(cursor *string) ([]api.Render, *string, error) {
		params := params
		params.Cursor = cursor
		r, err := c.ListRendersWithResponse(ctx, &params)
		if err != nil {
			return nil, nil, err
		}
		if r.JSON200 == nil {
			return nil, nil, unexpected(r.HTTPResponse)
		}
		return r.JSON200.Items, r.JSON200.NextCursor, nil
	})
}

// Campaigns iterates over campaigns, by their names, as Renders does.
func (c *Client) Campaigns(ctx context.Context, params api.ListCampaignsParams) iter.Seq2[api.Summary, error] {
	return Pages(func(cursor *string) ([]api.Summary, *string, error) {
		params := params
		params.Cursor = cursor
		r, err := c.ListCampaignsWithResponse(ctx, &params)
		if err != nil {
			return nil, nil, err
		}
		if r.JSON200 == nil {
			return nil, nil, unexpected(r.HTTPResponse)
		}
		return r.JSON200.Items, r.JSON200.NextCursor, nil
	})
}

// DeadLetters iterates over dead letters, the newest first, as Renders does.
func (c *Client) DeadLetters(ctx context.Context, params api.ListDeadLettersParams) iter.Seq2[api.Letter, error] {
	return Pages(func(cursor *string) ([]api.Letter, *string, error) {
		params := params
		params.Cursor = cursor
		r, err := c.ListDeadLettersWithResponse(ctx, &params)
		if err != nil {
			return nil, nil, err
		}
		if r.JSON200 == nil {
			return nil, nil, unexpected(r.HTTPResponse)
		}
		return r.JSON200.Items, r.JSON200.NextCursor, nil
	})
}

// WebhookEndpoints iterates over endpoints, the newest first, as Renders does.
func (c *Client) WebhookEndpoints(ctx context.Context, params api.ListWebhookEndpointsParams) iter.Seq2[api.WebhookEndpoint, error] {
	return Pages(func(cursor *string) ([]api.WebhookEndpoint, *string, error) {
		params := params
		params.Cursor = cursor
		r, err := c.ListWebhookEndpointsWithResponse(ctx, &params)
		if err != nil {
			return nil, nil, err
		}
		if r.JSON200 == nil {
			return nil, nil, unexpected(r.HTTPResponse)
		}
		return r.JSON200.Items, r.JSON200.NextCursor, nil
	})
}

// WebhookDeliveries iterates over deliveries, the newest first, as Renders does.
func (c *Client) WebhookDeliveries(ctx context.Context, params api.ListWebhookDeliveriesParams) iter.Seq2[api.WebhookDelivery, error] {
	return Pages(func(cursor *string) ([]api.WebhookDelivery, *string, error) {
		params := params
		params.Cursor = cursor
		r, err := c.ListWebhookDeliveriesWithResponse(ctx, &params)
		if err != nil {
			return nil, nil, err
		}
		if r.JSON200 == nil {
			return nil, nil, unexpected(r.HTTPResponse)
		}
		return r.JSON200.Items, r.JSON200.NextCursor, nil
	})
}

// BulkActions iterates over actions, the newest first, as Renders does.
func (c *Client) BulkActions(ctx context.Context, params api.ListBulkActionsParams) iter.Seq2[api.Action, error] {
	return Pages(func(cursor *string) ([]api.Action, *string, error) {
		params := params
		params.Cursor = cursor
		r, err := c.ListBulkActionsWithResponse(ctx, &params)
		if err != nil {
			return nil, nil, err
		}
		if r.JSON200 == nil {
			return nil, nil, unexpected(r.HTTPResponse)
		}
		return r.JSON200.Items, r.JSON200.NextCursor, nil
	})
}

// Tokens iterates over tokens, the newest first, as Renders does.
func (c *Client) Tokens(ctx context.Context, params api.ListTokensParams) iter.Seq2[api.Token, error] {
	return Pages(func(cursor *string) ([]api.Token, *string, error) {
		params := params
		params.Cursor = cursor
		r, err := c.ListTokensWithResponse(ctx, &params)
		if err != nil {
			return nil, nil, err
		}
		if r.JSON200 == nil {
			return nil, nil, unexpected(r.HTTPResponse)
		}
		return r.JSON200.Items, r.JSON200.NextCursor, nil
	})
}

// Audit iterates over entries of the audit log, the newest first, as Renders does.
func (c *Client) Audit(ctx context.Context, params api.ListAuditParams) iter.Seq2[api.Entry, error] {
	return Pages(func(cursor *string) ([]api.Entry, *string, error) {
		params := params
		params.Cursor = cursor
		r, err := c.ListAuditWithResponse(ctx, &params)
		if err != nil {
			return nil, nil, err
		}
		if r.JSON200 == nil {
			return nil, nil, unexpected(r.HTTPResponse)
		}
		return r.JSON200.Items, r.JSON200.NextCursor, nil
	})
}
