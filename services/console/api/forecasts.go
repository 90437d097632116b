package api

import (
	"context"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/services/console/forecast"
	"github.com/loom-lite/loom-lite/services/console/renders"
)

// Render is a render, and when it will end.
type Render struct {
	renders.Render
	forecast.Forecast
}

// forecast adds to renders when they will end.
func (a *API) forecast(ctx context.Context, list ...renders.Render) ([]Render, error) {
	var going []uuid.UUID
	for _, r := range list {
		if !r.Ended() {
			going = append(going, r.ID)
		}
	}
	forecasts, err := a.cfg.Forecasts.Of(ctx, going...)
	if err != nil {
		return nil, err
	}
	all := make([]Render, len(list))
	for i, r := range list {
		all[i] = Render{r, forecasts[r.ID]}
	}
	return all, nil
}
