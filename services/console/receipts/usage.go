package receipts

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/loom-lite/loom-lite/services/console/access"
)

// MostDays bounds a Period.
const MostDays = 366

// Period says which usage is meant.
type Period struct {
	// From and To are the first day and the last, of UTC.
	From, To time.Time
	// User is one user's id; empty: everybody's.
	User string
}

// UsageSums are what renders used. A render counts as often as it was made.
type UsageSums struct {
	Renders   int `json:"renders" doc:"Times that renders were made; a retry is another one."`
	Done      int `json:"done"`
	Failed    int `json:"failed"`
	Cancelled int `json:"cancelled" doc:"Those that were cancelled, or deleted before their end."`
	// Seconds of finished video.
	Seconds float64 `json:"seconds" doc:"Seconds of finished video."`
	Used
	Cost *Cost `json:"cost,omitempty" doc:"Left out when nothing has a price."`
}

// UsageDay is what a user used in a day of UTC.
type UsageDay struct {
	Day string `json:"day" format:"date"`
	// User is the campaigns' user; empty for campaigns of nobody's.
	User string `json:"user_id" doc:"Empty: campaigns without a user."`
	UsageSums
}

// Usage returns what users used, by day, the newest day first, and the sums of all of it. It reads
// receipts: renders that were deleted count too.
func Usage(ctx context.Context, db *pgxpool.Pool, p Period, prices Prices) (days []UsageDay, total UsageSums, err error) {
	rows, _ := db.Query(ctx, `
		select to_char(r.ended_at at time zone 'UTC', 'YYYY-MM-DD') as day, r.owner, count(*), count(*) filter (where r.outcome = 'done'),
		       count(*) filter (where r.outcome = 'failed'), count(*) filter (where r.outcome in ('cancelled', 'deleted')), sum(r.seconds),
		       sum(r.cpu_ms)::float8 / 1000, sum(r.bytes_in)::bigint, sum(r.bytes_out)::bigint, sum(r.bytes_web)::bigint
		  from loom.receipts r
		 where r.ended_at >= $1::timestamptz and r.ended_at < $2::timestamptz
		   and ($3::text is null or r.owner = $3::text) and ($4::text = '' or r.owner = $4::text)
		 group by day, r.owner order by day desc, r.owner`,
		midnight(p.From), midnight(p.To).AddDate(0, 0, 1), access.Owner(ctx), p.User)
	days = []UsageDay{}
	var d UsageDay
	_, err = pgx.ForEachRow(rows, []any{&d.Day, &d.User, &d.Renders, &d.Done, &d.Failed, &d.Cancelled, &d.Seconds, &d.CPUSeconds, &d.BytesIn, &d.BytesOut, &d.BytesWeb},
		func() error {
			d.Cost = prices.Of(d.Used, d.Seconds)
			days = append(days, d)
			total.add(d.UsageSums)
			return nil
		})
	if err != nil {
		return nil, UsageSums{}, fmt.Errorf("read usage: %w", err)
	}
	total.Cost = prices.Of(total.Used, total.Seconds)
	return days, total, nil
}

func (s *UsageSums) add(o UsageSums) {
	s.Renders, s.Done, s.Failed, s.Cancelled = s.Renders+o.Renders, s.Done+o.Done, s.Failed+o.Failed, s.Cancelled+o.Cancelled
	s.Seconds += o.Seconds
	s.CPUSeconds += o.CPUSeconds
	s.BytesIn, s.BytesOut, s.BytesWeb = s.BytesIn+o.BytesIn, s.BytesOut+o.BytesOut, s.BytesWeb+o.BytesWeb
}

// midnight is the beginning of a time's day, in UTC.
func midnight(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }
