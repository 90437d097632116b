package migrations

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/loom-lite/loom-lite/pkg/postgres"
)

// ErrMissing says that the database has not been brought up to date.
var ErrMissing = errors.New("the database's schema is missing or old: run `loom migrate`")

// needed are objects of which each came with another version of the files. They are looked up by
// name, because the files may have been pasted into a SQL editor, which leaves no ledger.
const needed = `
select coalesce(string_agg(name, ', '), '') from (values
  ('public.renders.error_code', exists (select from information_schema.columns
     where table_schema = 'public' and table_name = 'renders' and column_name = 'error_code')),
  ('public.renders.warnings', exists (select from information_schema.columns
     where table_schema = 'public' and table_name = 'renders' and column_name = 'warnings')),
  ('public.scenes.options', exists (select from information_schema.columns
     where table_schema = 'public' and table_name = 'scenes' and column_name = 'options')),
  ('public.renders.report', exists (select from information_schema.columns
     where table_schema = 'public' and table_name = 'renders' and column_name = 'report')),
  ('public.campaigns.output_options', exists (select from information_schema.columns
     where table_schema = 'public' and table_name = 'campaigns' and column_name = 'output_options')),
  ('public.claim_render_job()', to_regprocedure('public.claim_render_job()') is not null),
  ('loom.plans', to_regclass('loom.plans') is not null),
  ('loom.attempts.bundle_key', exists (select from information_schema.columns
     where table_schema = 'loom' and table_name = 'attempts' and column_name = 'bundle_key')),
  ('loom.leftovers', to_regclass('loom.leftovers') is not null),
  ('loom.heard', to_regclass('loom.heard') is not null),
  ('loom.open_plan()', to_regprocedure('loom.open_plan(uuid, uuid, uuid, jsonb, integer, jsonb)') is not null),
  ('loom.set_aside', to_regclass('loom.set_aside') is not null),
  ('public.renders.cancel_requested', exists (select from information_schema.columns
     where table_schema = 'public' and table_name = 'renders' and column_name = 'cancel_requested')),
  ('loom.cancel_requested()', to_regprocedure('loom.cancel_requested()') is not null),
  ('loom.copies', to_regclass('loom.copies') is not null),
  ('loom.grant_task()', to_regprocedure('loom.grant_task(uuid, text, uuid, interval, timestamptz)') is not null),
  ('loom.next_job()', to_regprocedure('loom.next_job()') is not null),
  ('loom.note_refusal()', to_regprocedure('loom.note_refusal(uuid, text, text)') is not null),
  ('loom.set_job_aside()', to_regprocedure('loom.set_job_aside(uuid, uuid, text, text)') is not null),
  ('loom.attach_job()', to_regprocedure('loom.attach_job(uuid, uuid)') is not null),
  ('loom.cancel_render()', to_regprocedure('loom.cancel_render(uuid)') is not null),
  ('loom.add_warnings()', to_regprocedure('loom.add_warnings(uuid, jsonb)') is not null),
  ('loom.forget_options()', to_regprocedure('loom.forget_options(uuid)') is not null),
  ('loom.fail_task()', to_regprocedure('loom.fail_task(uuid, integer, text, text, text, boolean, text)') is not null),
  ('loom.heartbeat_task()', to_regprocedure('loom.heartbeat_task(uuid, integer, real, interval, text[], text)') is not null),
  ('loom.finish_render()', to_regprocedure('loom.finish_render(uuid, integer, text, text, jsonb, text)') is not null)
) as o (name, found) where not found`

// Check returns nil when loom-lite can work on the database: ErrMissing with what it lacks when it
// is not up to date, an UnfitError when the app's tables are not what they must be, or the role has
// not the rights that it needs. It changes nothing.
func Check(ctx context.Context, db DB) error {
	barred, _, err := entering(ctx, db)
	if err != nil {
		return err
	}
	if barred != nil {
		return unfit(barred)
	}
	var missing string
	if err := db.QueryRow(ctx, needed).Scan(&missing); err != nil {
		return fmt.Errorf("look for the schema: %w", err)
	}
	if missing != "" {
		return fmt.Errorf("%w (it lacks %s)", ErrMissing, strings.TrimSpace(missing))
	}
	fit, err := Fit(ctx, db)
	if err != nil {
		return err
	}
	rights, err := Rights(ctx, db)
	if err != nil {
		return err
	}
	return unfit(append(fit, rights...))
}

// Ready is Check for whoever asks a service whether it is ready: its errors name neither host nor
// role.
func Ready(ctx context.Context, db DB) error {
	err := Check(ctx, db)
	if unfit := new(UnfitError); errors.As(err, &unfit) {
		return errors.New(unfit.Brief())
	}
	if err == nil || errors.Is(err, ErrMissing) {
		return err
	}
	return errors.New(postgres.Reason(err))
}
