// Package scenecache shows the recordings of pages that renders may use again, and drops them.
package scenecache

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/loom-lite/loom-lite/services/console/audit"
)

// Cache is what may be used again.
type Cache struct {
	// Recordings are the newest of them.
	Recordings []Recording
	// Total of them, and how many scenes of the last day's renders were recorded, and how many were
	// not, because there was a recording.
	Total          int
	Recorded, Hits int
	Hosts          []Host
}

// Recording is a scene as it was recorded.
type Recording struct {
	Task   uuid.UUID
	Render uuid.UUID
	Host   string
	// Path of the page: what comes after a question mark may be secret.
	Path string
	// Began is when it was recorded.
	Began time.Time
	// Hits are the scenes of other renders that were done with it.
	Hits  int
	Bytes int64
}

// Host is a host whose pages were recorded.
type Host struct {
	Name       string
	Recordings int
}

// Share of the last day's scenes that were not recorded.
func (c Cache) Share() float64 {
	return float64(c.Hits) / float64(max(c.Hits+c.Recorded, 1))
}

// cached are the recordings that another render may take over.
const cached = `t.kind = 'record' and t.state = 'done' and t.output_key is not null and t.source is null`

// Read lists at most limit recordings of a host, or of all when it is empty.
func Read(ctx context.Context, db *pgxpool.Pool, host string, limit int) (c Cache, err error) {
	err = pgx.BeginTxFunc(ctx, db, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			select k.id, k.render_id, coalesce(k.host, ''), coalesce(substring(loom.params_of(k.id) ->> 'url' from '^[a-z]+://[^/?#]*([^?#]*)'), ''),
			       coalesce(k.began_at, k.ended_at), (select count(*) from loom.tasks f where f.source_render = k.render_id and f.source = k.id and f.output_key is not null)::int,
			       coalesce((k.facts ->> 'bytes')::bigint, 0)
			  from (select t.* from (select t.id, t.render_id, t.host, t.began_at, t.ended_at, t.facts from loom.tasks t
			         where `+cached+` and (t.host = $1::text or $1::text = '') order by t.began_at desc nulls last limit $2::int) t) k`,
			strings.ToLower(host), limit)
		if c.Recordings, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Recording]); err != nil {
			return err
		}
		rows, _ = tx.Query(ctx, "select coalesce(t.host, ''), count(*)::int from loom.tasks t where "+cached+" group by 1 order by 2 desc, 1")
		if c.Hosts, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Host]); err != nil {
			return err
		}
		for _, h := range c.Hosts {
			c.Total += h.Recordings
		}
		return tx.QueryRow(ctx, `select count(*) filter (where t.source is null), count(*) filter (where t.source is not null)
			from loom.tasks t where t.kind = 'record' and t.state = 'done'
			 and t.plan_id = any (array(select p.id from loom.plans p where p.ended_at > now() - interval '1 day'))`).Scan(&c.Recorded, &c.Hits)
	})
	if err != nil {
		return Cache{}, fmt.Errorf("read the scene cache: %w", err)
	}
	c.Hosts = c.Hosts[:min(len(c.Hosts), 12)]
	return c, nil
}

// Drop has recordings not used again: those of tasks, or when there are none all of a host. What
// renders in progress use stays until they have ended. It returns how many it has dropped.
func Drop(ctx context.Context, db *pgxpool.Pool, tasks []uuid.UUID, host string) (dropped int, err error) {
	ids := make([]string, len(tasks))
	for i, id := range tasks {
		ids[i] = id.String()
	}
	target := "cache/" + host
	if len(tasks) > 0 {
		host, target = "", "cache"
	}
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, "select loom.drop_cached($1::text[]::uuid[], $2::text)", ids, strings.ToLower(host)).Scan(&dropped); err != nil || dropped == 0 {
			return err
		}
		return audit.Record(ctx, tx, "cache.drop", target, audit.Detail{"recordings": dropped})
	})
	if err != nil {
		return 0, fmt.Errorf("drop recordings: %w", err)
	}
	return dropped, nil
}
