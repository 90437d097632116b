package alerts

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/webhooks"
)

// EndpointID is that of the endpoint that ALERT_URL is.
var EndpointID = uuid.NewSHA1(uuid.NameSpaceURL, []byte("https://github.com/loom-lite/loom-lite/alerts"))

// settle makes an endpoint of the settings' URL, or deletes it if they have none.
func (w *Watcher) settle(ctx context.Context) error {
	ctx = access.With(ctx, access.Principal{ID: "console", Name: "the settings ALERT_URL and ALERT_SECRET", Kind: access.Operator, Scope: access.Admin})
	if w.Settings.URL == "" {
		err := webhooks.Delete(ctx, w.DB, EndpointID)
		if err != nil && !errors.Is(err, webhooks.ErrNotFound) {
			return fmt.Errorf("remove the endpoint of alerts: %w", err)
		}
		return nil
	}
	var secret webhooks.Secret
	if w.Settings.Secret != "" {
		var err error
		if secret, err = webhooks.ParseSecret(w.Settings.Secret); err != nil {
			return fmt.Errorf("ALERT_SECRET: %w", err)
		}
	}
	err := webhooks.Ensure(ctx, w.DB, w.Keeper, EndpointID, webhooks.NewEndpoint{
		URL: w.Settings.URL, Description: "ALERT_URL", Events: []string{webhooks.AlertOpened, webhooks.AlertClosed}, Secret: secret,
	})
	if err != nil {
		return fmt.Errorf("make the endpoint of alerts: %w", err)
	}
	return nil
}
