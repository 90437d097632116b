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

// campaignOf reads a render's campaign in one statement, so that all of it is from one moment.
const campaignOf = `
select jsonb_build_object(
         'id', c.id, 'name', c.name::text, 'user_id', c.user_id::text, 'facecam_url', c.facecam_url::text,
         'output_width', trim_scale(c.output_width::numeric), 'output_height', trim_scale(c.output_height::numeric),
         'output_fps', trim_scale(c.output_fps::numeric),
         'output_rate', c.output_rate, 'output_options', c.output_options,
         'facecam_options', c.facecam_options,
         'variables', nullif(c.variables, '{}'), 'values', nullif(r.variables, '{}'),
         'scenes', coalesce((
           select jsonb_agg(jsonb_build_object('id', s.id, 'url', s.url::text,
                                               'duration_sec', trim_scale(s.duration_sec::numeric), 'order_index', trim_scale(s.order_index::numeric), 'options', s.options)
                            order by s.order_index, s.id)
             from public.scenes s where s.campaign_id = c.id), '[]'))::text
  from public.renders r join public.campaigns c on c.id = r.campaign_id
 where r.id = $1::uuid`

// snapshot returns a render's campaign, and nil if it is gone.
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
