package batches

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/loom-lite/loom-lite/services/console/renders"
	"github.com/loom-lite/loom-lite/services/console/sheet"
)

// Row is a row of a batch, and its render.
type Row struct {
	Place      int        `json:"row" doc:"Its place in the list, from 1. Empty rows have none."`
	Line       int        `json:"line" doc:"Where it begins in what was sent."`
	ExternalID *string    `json:"external_id"`
	Cells      []*string  `json:"cells" nullable:"false" doc:"As they were sent, in the order of the batch's columns; null: not given."`
	Render     *uuid.UUID `json:"render_id" nullable:"true" doc:"Null: the row is invalid."`
	Earlier    bool       `json:"earlier" doc:"An earlier batch has made the render."`
	Status     string     `json:"status" doc:"The render's; or invalid, or deleted." example:"done"`
	Progress   int        `json:"progress"`
	Video      *string    `json:"video_url"`
	Thumb      *string    `json:"thumb_url"`
	Preview    *string    `json:"preview_url"`
	ErrorCode  *string    `json:"error_code"`
	Message    *string    `json:"error_message"`
}

// Statuses are those by which rows are listed.
var Statuses = []string{"open", "done", "failed", "cancelled", "deleted", "invalid"}

const selectRow = `select w.place, w.line, w.external_id, w.cells, w.render_id, w.earlier,
	coalesce(case when w.outcome = 'invalid' then 'invalid' end, r.status::text, 'deleted'), coalesce(r.progress::int, 0), r.final_video_url::text, r.thumb_url::text, r.preview_url,
	coalesce(w.error_code, r.error_code), coalesce(w.error_message, r.error_message::text)
	from loom.batch_rows w left join public.renders r on r.id = w.render_id where w.batch_id = $1::uuid and w.place > $2::int `

// Rows returns rows of a batch in their order, at most limit, and the cursor of the next page. It
// begins behind after. status is one of Statuses; empty: all rows.
func Rows(ctx context.Context, db *pgxpool.Pool, id uuid.UUID, status string, after renders.Cursor, limit int) (list []Row, next renders.Cursor, err error) {
	if _, err := Get(ctx, db, id); err != nil {
		return nil, "", err
	}
	from := 0
	if after != "" {
		if err := after.Place(&from); err != nil || from < 1 {
			return nil, "", renders.ErrCursor
		}
	}
	rows, _ := db.Query(ctx, selectRow+"and ($3::text = '' or coalesce(w.outcome, 'open') = $3::text) order by w.place limit $4::int", id, from, status, limit+1)
	list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Row])
	if err != nil {
		return nil, "", fmt.Errorf("list rows: %w", err)
	}
	if len(list) > limit {
		list = slices.Clip(list[:limit])
		next = renders.NewCursor(list[limit-1].Place)
	}
	return list, next, nil
}

// ResultColumns are those that a result has behind the columns of the list.
var ResultColumns = []string{"render_id", "status", "video_url", "thumb_url", "preview_url", "error_code", "error_message"}

// WriteResult writes the result of a batch as a CSV: the list's columns in their order, and
// ResultColumns. It reads some rows at a time.
func WriteResult(ctx context.Context, db *pgxpool.Pool, id uuid.UUID, w io.Writer) error {
	b, err := Get(ctx, db, id)
	if err != nil {
		return err
	}
	out := sheet.NewWriter(w)
	if err := out.Write(append(slices.Clone(b.Columns), ResultColumns...)); err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	for last := 0; ; {
		rows, _ := db.Query(ctx, selectRow+"order by w.place limit $3::int", id, last, chunk)
		list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Row])
		if err != nil {
			return fmt.Errorf("read rows: %w", err)
		}
		for _, row := range list {
			if err := out.Write(row.result(len(b.Columns))); err != nil {
				return fmt.Errorf("write result: %w", err)
			}
			last = row.Place
		}
		if len(list) < chunk {
			break
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	return nil
}

// result is a row of a result.
func (r Row) result(columns int) []string {
	cells := make([]string, columns, columns+len(ResultColumns))
	for i, cell := range r.Cells {
		cells[i] = text(cell)
	}
	render := ""
	if r.Render != nil {
		render = r.Render.String()
	}
	return append(cells, render, r.Status, text(r.Video), text(r.Thumb), text(r.Preview), text(r.ErrorCode), text(r.Message))
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
