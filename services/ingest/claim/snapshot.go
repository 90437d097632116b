package claim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/loom-lite/loom-lite/services/ingest/plan"
)

// campaignOf reads a render's campaign in one statement, so that all of it is of one moment.
const campaignOf = `
select jsonb_build_object(
         'id', c.id, 'name', c.name, 'user_id', c.user_id, 'facecam_url', c.facecam_url,
         'output_width', c.output_width, 'output_height', c.output_height, 'output_fps', c.output_fps,
         'output_rate', c.output_rate, 'output_options', c.output_options,
         'facecam_options', c.facecam_options,
         'scenes', coalesce((
           select jsonb_agg(jsonb_build_object('id', s.id, 'url', s.url, 'duration_sec', s.duration_sec,
                                               'order_index', s.order_index, 'options', s.options)
                            order by s.order_index, s.id)
             from public.scenes s where s.campaign_id = c.id), '[]'))::text
  from public.renders r join public.campaigns c on c.id = r.campaign_id
 where r.id = $1::uuid`

// snapshot returns a render's campaign; nil when it is gone.
func snapshot(ctx context.Context, tx pgx.Tx, render uuid.UUID) (*plan.Campaign, error) {
	var text string
	err := tx.QueryRow(ctx, campaignOf, render).Scan(&text)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the campaign: %w", err)
	}
	var c plan.Campaign
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return nil, fmt.Errorf("read the campaign: %w", err)
	}
	return &c, nil
}
