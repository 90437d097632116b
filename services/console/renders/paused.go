package renders

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/console/audit"
)

// Paused is a kind of task of which none is granted until it is resumed.
type Paused struct {
	Kind  msg.Kind  `json:"kind"`
	Since time.Time `json:"since"`
}

// transcode is the stage of the transcoder: all of its kinds.
const transcode = "transcode"

// KindsOf returns the kinds of tasks that a stage has: record, transcode, upload, or one kind of
// transcode.
func KindsOf(stage string) ([]msg.Kind, error) {
	var kinds []msg.Kind
	var names []string
	for _, k := range msg.Kinds {
		names = append(names, string(k))
		if string(k) == stage || stage == transcode && k.Stream() == msg.StreamTranscode {
			kinds = append(kinds, k)
		}
	}
	if kinds == nil {
		return nil, fmt.Errorf("%q is no stage: it is one of %s, or %s for all that transcoders do", stage, strings.Join(names, ", "), transcode)
	}
	return kinds, nil
}

// Pause pauses kinds of tasks: what runs goes on, and the rest waits. It returns those that were
// not paused.
func Pause(ctx context.Context, db *pgxpool.Pool, kinds []msg.Kind) ([]msg.Kind, error) {
	return change(ctx, db, "pause", kinds)
}

// Resume ends the pause of kinds of tasks. It returns those that were paused.
func Resume(ctx context.Context, db *pgxpool.Pool, kinds []msg.Kind) ([]msg.Kind, error) {
	return change(ctx, db, "resume", kinds)
}

func change(ctx context.Context, db *pgxpool.Pool, operation string, kinds []msg.Kind) (changed []msg.Kind, err error) {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = string(k)
	}
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, "select loom."+operation+"_kinds($1::text[])", names)
		if changed, err = pgx.CollectRows(rows, pgx.RowTo[msg.Kind]); err != nil {
			return err
		}
		for _, kind := range changed {
			if err := audit.Record(ctx, tx, "stage."+operation, "stage/"+string(kind), nil); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, explain(operation, err)
	}
	return changed, nil
}

// PausedKinds lists the kinds of tasks that are paused.
func PausedKinds(ctx context.Context, db *pgxpool.Pool) ([]Paused, error) {
	rows, _ := db.Query(ctx, "select kind, since from loom.paused order by loom.stage_rank(kind), kind")
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Paused])
	return list, explain("list paused stages", err)
}
