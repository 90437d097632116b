package receipts

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/renders"
)

// Used are sums of what attempts used.
type Used struct {
	// CPUSeconds is CPU time, of the programs that ran for the tasks, and of the workers
	// themselves.
	CPUSeconds float64 `json:"cpu_seconds"`
	// BytesIn were read from the store, BytesOut written to it, BytesWeb received from the web.
	BytesIn  int64 `json:"bytes_in"`
	BytesOut int64 `json:"bytes_out"`
	BytesWeb int64 `json:"bytes_web"`
}

func (u *Used) add(of *msg.Usage) {
	// In milliseconds, as workers say it: sums of binary fractions have long tails.
	u.CPUSeconds = math.Round(1e3*(u.CPUSeconds+(time.Duration(of.Children)+time.Duration(of.Worker)).Seconds())) / 1e3
	u.BytesIn += of.In
	u.BytesOut += of.Out
	u.BytesWeb += of.Web
}

// Receipt is what a render used.
type Receipt struct {
	Render uuid.UUID `json:"render_id"`
	Status string    `json:"status"`
	// Seconds of finished video; 0 while there is none.
	Seconds float64 `json:"seconds"`
	Used
	// Unreported are attempts of which nobody said what they used.
	Unreported int `json:"unreported"`
	// Cost is left out when nothing has a price.
	Cost   *Cost       `json:"cost,omitempty"`
	Stages []StageSums `json:"stages"`
	// Jobs are the times that the render was made, the first first. A retry is another one.
	Jobs []ReceiptJob `json:"jobs"`
}

// StageSums are what the tasks of one kind used, over all jobs.
type StageSums struct {
	Kind msg.Kind `json:"stage"`
	// Tasks, and how many of them were reused: done with what others had made.
	Tasks  int `json:"tasks"`
	Reused int `json:"reused"`
	// Attempts, and how many of them did not say what they used. One that runs has not yet.
	Attempts   int `json:"attempts"`
	Unreported int `json:"unreported"`
	Used
	// Tools are what tasks of this kind were done with: the build, and its programs' versions.
	Tools []string `json:"tools"`
}

// ReceiptJob is one time that a render was made.
type ReceiptJob struct {
	// Plan identifies it.
	Plan    uuid.UUID  `json:"plan_id"`
	Began   time.Time  `json:"began_at"`
	EndedAt *time.Time `json:"ended_at"`
	// Outcome is done, failed or cancelled; null while it goes on.
	Outcome *string `json:"outcome"`
	// Campaign is a hash of the campaign as it was then; null for jobs of older releases. Equal
	// campaigns have equal hashes within an installation, and nobody can try out what one says.
	Campaign *string `json:"campaign_hash"`
	// Outputs are what its tasks made, or reused.
	Outputs []ReceiptOutput `json:"outputs"`
}

// ReceiptOutput is what a task made, by the name of what it was made by.
type ReceiptOutput struct {
	Kind  msg.Kind `json:"stage"`
	Scene int      `json:"scene,omitempty"`
	// Key is a hash of the task's parameters and the very objects that it read. Equal keys are
	// equal outputs.
	Key    string `json:"output_key"`
	Reused bool   `json:"reused"`
	// ReusedFrom is the render that made it and has paid for it; null where Reused is false.
	ReusedFrom *uuid.UUID `json:"reused_from" nullable:"true"`
}

// task is a task, as the receipt reads it.
type task struct {
	ID       uuid.UUID         `json:"id"`
	Kind     msg.Kind          `json:"kind"`
	Scene    int               `json:"scene"`
	State    string            `json:"state"`
	Reused   bool              `json:"reused"`
	From     *uuid.UUID        `json:"reused_from"`
	Attempt  int               `json:"attempt"`
	Key      string            `json:"output_key"`
	Tools    string            `json:"tools"`
	Facts    json.RawMessage   `json:"facts"`
	Rate     msg.Rate          `json:"rate"`
	Used     *msg.Usage        `json:"used"`
	Attempts []renders.Attempt `json:"attempts"`
}

// Read returns a render's receipt, at these prices.
func Read(ctx context.Context, db *pgxpool.Pool, id uuid.UUID, prices Prices) (r Receipt, err error) {
	r = Receipt{Render: id, Stages: []StageSums{}, Jobs: []ReceiptJob{}}
	err = pgx.BeginTxFunc(ctx, db, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		return r.read(ctx, tx)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return r, fmt.Errorf("read receipt of %s: %w", id, renders.ErrNotFound)
	}
	if err != nil {
		return r, fmt.Errorf("read receipt: %w", err)
	}
	r.Cost = prices.Of(r.Used, r.Seconds)
	return r, nil
}

func (r *Receipt) read(ctx context.Context, tx pgx.Tx) error {
	err := tx.QueryRow(ctx, `select r.status::text from public.renders r left join public.campaigns c on c.id = r.campaign_id
		where r.id = $1::uuid and ($2::text is null or c.user_id::text = $2::text)`, r.Render, access.Owner(ctx)).Scan(&r.Status)
	if err != nil {
		return err
	}
	// A plan whose rows are there is written as its history will be.
	rows, _ := tx.Query(ctx, `select p.id, p.created_at, p.ended_at, p.outcome, encode(p.campaign_hash, 'hex'), coalesce(p.history, loom.history_of(p.id))
		from loom.plans p where p.render_id = $1::uuid order by p.created_at, p.id`, r.Render)
	var j ReceiptJob
	var history []byte
	_, err = pgx.ForEachRow(rows, []any{&j.Plan, &j.Began, &j.EndedAt, &j.Outcome, &j.Campaign, &history}, func() error {
		var tasks []task
		if err := json.Unmarshal(history, &tasks); err != nil {
			return fmt.Errorf("read its history: %w", err)
		}
		j.Outputs = []ReceiptOutput{}
		for _, t := range tasks {
			if err := r.add(t); err != nil {
				return err
			}
			if t.Key != "" && t.State == "done" {
				j.Outputs = append(j.Outputs, ReceiptOutput{t.Kind, t.Scene, t.Key, t.Reused, t.From})
			}
		}
		r.Jobs = append(r.Jobs, j)
		return nil
	})
	slices.SortStableFunc(r.Stages, func(a, b StageSums) int {
		return cmp.Compare(slices.Index(msg.Kinds, a.Kind), slices.Index(msg.Kinds, b.Kind))
	})
	return err
}

// add adds a task to the sums.
func (r *Receipt) add(t task) error {
	i := slices.IndexFunc(r.Stages, func(s StageSums) bool { return s.Kind == t.Kind })
	if i < 0 {
		i = len(r.Stages)
		r.Stages = append(r.Stages, StageSums{Kind: t.Kind, Tools: []string{}})
	}
	s := &r.Stages[i]
	s.Tasks++
	if t.Reused {
		s.Reused++
	}
	if t.Tools != "" && !slices.Contains(s.Tools, t.Tools) {
		s.Tools = append(s.Tools, t.Tools)
	}
	used := make([]*msg.Usage, 0, len(t.Attempts)+1)
	for _, a := range t.Attempts {
		used = append(used, a.Used)
	}
	if t.Attempts == nil && t.Attempt > 0 { // it was done at its first attempt
		used = append(used, t.Used)
	}
	for _, u := range used {
		s.Attempts++
		if u == nil {
			s.Unreported++
			r.Unreported++
			continue
		}
		s.add(u)
		r.Used.add(u)
	}
	if (t.Kind == msg.Concat || t.Kind == msg.Overlay) && t.State == renders.Done && r.Status == renders.Done && t.Rate.Valid() {
		var facts msg.VideoFacts
		if err := json.Unmarshal(t.Facts, &facts); err != nil {
			return fmt.Errorf("read what its video is: %w", err)
		}
		r.Seconds = float64(facts.Frames) / t.Rate.Float()
	}
	return nil
}
