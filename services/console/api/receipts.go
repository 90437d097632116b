package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/receipts"
)

// receipts registers what renders used and cost.
func (a *API) receipts() {
	Handle(a, Need{Scope: access.Read}, huma.Operation{
		OperationID: "get-render-receipt", Method: http.MethodGet, Path: "/v1/renders/{id}/receipt", Tags: []string{"renders"},
		Summary: "Get what a render used and cost", Description: "docs/reference/receipts.md says what is counted, and how shared costs are divided.",
		Errors: []int{http.StatusNotFound},
	}, a.getReceipt)
	Handle(a, Need{Scope: access.Read}, huma.Operation{
		OperationID: "list-usage", Method: http.MethodGet, Path: "/v1/usage", Tags: []string{"usage"},
		Summary:     "List what users used, by day",
		Description: "Days are those of UTC in which renders ended, the newest first. A token of one user has that user's.",
	}, a.listUsage)
}

type receiptOutput struct{ Body receipts.Receipt }

func (a *API) getReceipt(ctx context.Context, in *renderInput) (*receiptOutput, error) {
	r, err := receipts.Read(ctx, a.cfg.DB, in.ID, a.cfg.Prices)
	if err != nil {
		return nil, err
	}
	return &receiptOutput{r}, nil
}

type usageInput struct {
	From   string `query:"from" format:"date" doc:"The first day. Empty: 29 days before the last one."`
	To     string `query:"to" format:"date" doc:"The last day. Empty: today."`
	UserID string `query:"user_id" format:"uuid" doc:"One user's alone."`
}

type usageOutput struct {
	Body struct {
		Items []receipts.UsageDay `json:"items" nullable:"false"`
		Total receipts.UsageSums  `json:"total"`
	}
}

func (a *API) listUsage(ctx context.Context, in *usageInput) (*usageOutput, error) {
	period := receipts.Period{To: time.Now().UTC(), User: in.UserID}
	if in.To != "" {
		period.To, _ = time.Parse(time.DateOnly, in.To)
	}
	period.From = period.To.AddDate(0, 0, -29)
	if in.From != "" {
		period.From, _ = time.Parse(time.DateOnly, in.From)
	}
	if days := period.To.Sub(period.From).Hours() / 24; days < 0 || days > receipts.MostDays {
		p := NewProblem(http.StatusUnprocessableEntity, CodeInvalid, "The period is not one of at most %d days.", receipts.MostDays)
		p.Errors = []Fault{{Parameter: "from", Detail: "send a day that is not after to, and at most a year before it"}}
		return nil, p
	}
	days, total, err := receipts.Usage(ctx, a.cfg.DB, period, a.cfg.Prices)
	if err != nil {
		return nil, err
	}
	out := &usageOutput{}
	out.Body.Items, out.Body.Total = days, total
	return out, nil
}
