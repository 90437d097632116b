package batches

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/retry"
)

// Keeper completes the batches that the database could not complete with the last of their renders.
type Keeper struct {
	DB  *pgxpool.Pool
	Log zerolog.Logger
}

// every is how often a Keeper looks.
const every = 30 * time.Second

// Run looks until ctx is cancelled. Keepers that do so at once do no harm.
func (k *Keeper) Run(ctx context.Context) {
	for {
		var n int
		err := k.DB.QueryRow(ctx, "select loom.recover_batches()").Scan(&n)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			k.Log.Warn().Err(err).Msg("batches are not looked after: it is tried again")
		case n > 0:
			k.Log.Info().Int("batches", n).Msg("batches were not completed when their last render ended: they are now")
		}
		if !retry.Sleep(ctx, every) {
			return
		}
	}
}
