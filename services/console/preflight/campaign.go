package preflight

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/audit"
	"github.com/loom-lite/loom-lite/services/console/renders"
)

// ErrEmpty says that a campaign has no scenes.
var ErrEmpty = errors.New("the campaign has no scenes")

// OpenCampaign asks for the pages of a campaign of the app's to be opened, as a preflight with an
// id, as Open does. It returns renders.ErrNoCampaign if there is none that may be seen. The
// database reads the scenes itself: their options may be secret.
func OpenCampaign(ctx context.Context, db DB, id, campaign uuid.UUID) error {
	err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		var outcome string
		err := tx.QueryRow(ctx, "select loom.open_campaign_preflight($1::uuid, $2::uuid, $3::text)", id, campaign, access.Owner(ctx)).Scan(&outcome)
		if err != nil {
			return err
		}
		if refused := map[string]error{"missing": renders.ErrNoCampaign, "empty": ErrEmpty, "busy": ErrBusy}[outcome]; refused != nil {
			return refused
		}
		return audit.Record(ctx, tx, "preflight.create", target(id), audit.Detail{"campaign": campaign})
	})
	if err != nil {
		return fmt.Errorf("open preflight of campaign %s: %w", campaign, err)
	}
	return nil
}
