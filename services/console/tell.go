package console

import (
	"context"
	"sync"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/loom-lite/loom-lite/pkg/egress"
	"github.com/loom-lite/loom-lite/pkg/service"
	"github.com/loom-lite/loom-lite/services/console/alerts"
	"github.com/loom-lite/loom-lite/services/console/webhooks"
)

// checkTelling reports what is wrong with the settings of webhooks and alerts.
func (c *Config) checkTelling(problems *service.Problems) {
	var err error
	if c.policy, err = egress.Parse(c.Webhooks.EgressAllow); err != nil {
		problems.Wrong("EGRESS_ALLOW")
	}
	if c.keeper, err = webhooks.NewKeeper(c.Webhooks.Key); err != nil {
		problems.Wrong("WEBHOOK_KEY")
	}
	if c.Alerts.URL != "" && webhooks.CheckURL(c.Alerts.URL) != nil {
		problems.Wrong("ALERT_URL")
	}
	if _, err := webhooks.ParseSecret(c.Alerts.Secret); c.Alerts.Secret != "" && err != nil {
		problems.Wrong("ALERT_SECRET")
	}
}

// tell delivers webhooks and looks for incidents until stop is called, which returns when the
// requests that were under way have ended.
func (c *Config) tell(ctx context.Context, pool *pgxpool.Pool) (stop func(), err error) {
	metrics, err := webhooks.NewMetrics(c.Metrics())
	if err != nil {
		return nil, err
	}
	courier := &webhooks.Courier{
		DB: pool, Policy: c.policy, Keeper: c.keeper, Metrics: metrics, Log: c.Log, Keep: c.Webhooks.Keep, Timeout: webhooks.Timeout, Drain: c.Drain,
	}
	watcher := &alerts.Watcher{DB: pool, Settings: c.Alerts, Keeper: c.keeper, Log: c.Log}
	ctx, cancel := context.WithCancel(ctx)
	var both sync.WaitGroup
	both.Go(func() { courier.Run(ctx) })
	both.Go(func() { watcher.Run(ctx) })
	return func() {
		cancel()
		both.Wait()
	}, nil
}
