package api

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/batches"
	"github.com/loom-lite/loom-lite/services/console/bulk"
	"github.com/loom-lite/loom-lite/services/console/renders"
	"github.com/loom-lite/loom-lite/services/console/sheet"
)

const (
	batchesPath = "/v1/batches"
	// maxList bounds the body of a request that has a list.
	maxList = 8 << 20
	// listsAtOnce is how many such requests are read at once: each is held in memory.
	listsAtOnce = 2

	typeCSV   = "text/csv"
	typeLines = "application/x-ndjson"
)

// batches registers what makes a render for each row of a list.
func (a *API) batches() {
	tags := []string{"batches"}
	Handle(a, Need{Scope: access.Write}, huma.Operation{
		OperationID: "create-batch", Method: http.MethodPost, Path: batchesPath, Tags: tags, DefaultStatus: http.StatusAccepted,
		Summary: "Render a campaign once for each row of a list",
		Description: "The list is the body, as text/csv or application/x-ndjson (JSON Lines), and the campaign is named in the query. " +
			"Or the body is JSON and has both. A row with a fault gets no render, and the others are rendered, unless all_or_none is set. " +
			"An external id has one render in a campaign: a list that is sent again makes nothing again. " +
			"With dry_run it answers 200 and what would be made, and changes nothing. Location is where the batch can be watched.",
		Errors: []int{http.StatusNotFound},
	}, a.createBatch)
	post := a.Document().Paths[batchesPath].Post
	for kind, example := range map[string]string{
		typeCSV:   "external_id,first_name\n1041,Ada\n",
		typeLines: `{"external_id": "1041", "first_name": "Ada"}` + "\n",
	} {
		post.RequestBody.Content[kind] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Description: "The list.", Examples: []any{example}}}
	}
	counted := *post.Responses["202"]
	counted.Description, counted.Headers = "What it would make, for a dry run.", nil
	post.Responses["200"] = &counted
	Handle(a, Need{Scope: access.Read}, huma.Operation{
		OperationID: "list-batches", Method: http.MethodGet, Path: batchesPath, Tags: tags, Summary: "List batches, the newest first",
		Errors: []int{http.StatusBadRequest},
	}, a.listBatches)
	Handle(a, Need{Scope: access.Read}, huma.Operation{
		OperationID: "get-batch", Method: http.MethodGet, Path: batchesPath + "/{id}", Tags: tags, Summary: "Get a batch and how far it is",
		Errors: []int{http.StatusNotFound},
	}, a.getBatch)
	Handle(a, Need{Scope: access.Read}, huma.Operation{
		OperationID: "list-batch-rows", Method: http.MethodGet, Path: batchesPath + "/{id}/rows", Tags: tags, Summary: "List the rows of a batch in their order",
		Errors: []int{http.StatusNotFound, http.StatusBadRequest},
	}, a.listBatchRows)
	Handle(a, Need{Scope: access.Read}, huma.Operation{
		OperationID: "get-batch-result", Method: http.MethodGet, Path: batchesPath + "/{id}/result", Tags: tags, Summary: "Get the result of a batch as a CSV",
		Description: "It has the columns of the list, and behind them " + strings.Join(batches.ResultColumns, ", ") + ". " +
			"A cell that a spreadsheet would carry out as a formula has an apostrophe before it.",
		Errors: []int{http.StatusNotFound},
		Responses: map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{
			typeCSV: {Schema: &huma.Schema{Type: huma.TypeString}},
		}}},
	}, a.getBatchResult)
	Handle(a, Need{Scope: access.Write}, huma.Operation{
		OperationID: "retry-batch", Method: http.MethodPost, Path: batchesPath + "/{id}/retry", Tags: tags, DefaultStatus: http.StatusAccepted,
		Summary:     "Render again what has failed of a batch",
		Description: "It is an action on all renders of the batch that have failed. Location is where the action can be watched.",
		Errors:      []int{http.StatusNotFound},
	}, a.retryBatch)
	Handle(a, Need{Scope: access.Write}, huma.Operation{
		OperationID: "cancel-batch", Method: http.MethodPost, Path: batchesPath + "/{id}/cancel", Tags: tags, DefaultStatus: http.StatusAccepted,
		Summary:     "Cancel what has not ended of a batch",
		Description: "It is an action on all renders of the batch that have not ended. Location is where the action can be watched.",
		Errors:      []int{http.StatusNotFound},
	}, a.cancelBatch)
}

// list is a list that is a request's whole body.
type list struct {
	kind string
	text []byte
}

type listKey struct{}

// lists takes the lists out of requests of which they are the whole body: what is left is a request
// as any other. It bounds how many requests with lists are read at once.
func (a *API) lists(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
		kind = strings.ToLower(strings.TrimSpace(kind))
		if !hasList(r) || kind != typeCSV && kind != typeLines {
			next.ServeHTTP(w, r)
			return
		}
		text, err := io.ReadAll(r.Body) // it is there: see whole
		if err != nil {
			a.refuse(w, NewProblem(http.StatusBadRequest, CodeMalformed, "The body cannot be read."))
			return
		}
		r = r.WithContext(context.WithValue(r.Context(), listKey{}, list{kind, text}))
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader("{}")), 2
		r.Header = r.Header.Clone()
		r.Header.Set("Content-Type", "application/json")
		next.ServeHTTP(w, r)
	})
}

// hasList reports whether a request may have a list.
func hasList(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.TrimSuffix(r.URL.Path, "/") == batchesPath
}

// bodyOf bounds a request's body.
func bodyOf(r *http.Request) int64 {
	if hasList(r) {
		return maxList
	}
	return maxBody
}

type createBatchInput struct {
	CampaignID string `query:"campaign_id" format:"uuid" doc:"The campaign, where the body is the list."`
	Name       string `query:"name" maxLength:"200" doc:"The batch's name for people, where the body is the list."`
	IDColumn   string `query:"external_id_column" maxLength:"100" doc:"The column of external ids, where the body is the list. Default: external_id, if there is one."`
	AllOrNone  bool   `query:"all_or_none" doc:"Make nothing where a row has a fault."`
	DryRun     bool   `query:"dry_run" doc:"Say what would be made, and change nothing."`
	Priority   int    `query:"priority" minimum:"-1000" maximum:"1000" default:"-10" doc:"Of the jobs. Renders that are made one by one have 0, and go first."`
	Body       struct {
		Campaign   Inline            `json:"campaign,omitempty" required:"false"`
		CampaignID *uuid.UUID        `json:"campaign_id,omitempty" required:"false" doc:"A campaign that is there."`
		UserID     *uuid.UUID        `json:"user_id,omitempty" required:"false" doc:"Whose campaign it is, for one that is sent along. A token of one user makes its user's."`
		Name       string            `json:"name,omitempty" required:"false" maxLength:"200" doc:"The batch's name for people. Default: the campaign's."`
		IDColumn   string            `json:"external_id_column,omitempty" required:"false" maxLength:"100" doc:"The column of external ids. Default: external_id, if there is one."`
		CSV        string            `json:"csv,omitempty" required:"false" doc:"The list, as a CSV."`
		Rows       []json.RawMessage `json:"rows,omitempty" required:"false" maxItems:"50000" doc:"The list, as objects of texts, numbers, true, false and null."`
	}
}

// source returns the list of a request.
func (in *createBatchInput) source(ctx context.Context) (batches.Source, error) {
	sent, whole := ctx.Value(listKey{}).(list)
	given := 0
	for _, is := range []bool{whole, in.Body.CSV != "", in.Body.Rows != nil} {
		if is {
			given++
		}
	}
	if given != 1 {
		return nil, NewProblem(http.StatusUnprocessableEntity, CodeInvalid, "Send the list as the body, as text/csv or application/x-ndjson, or as csv or rows in JSON.")
	}
	if in.Body.CSV != "" {
		sent = list{typeCSV, []byte(in.Body.CSV)}
	}
	if in.Body.Rows != nil {
		var text bytes.Buffer
		for _, row := range in.Body.Rows {
			if err := json.Compact(&text, row); err != nil {
				return nil, NewProblem(http.StatusUnprocessableEntity, CodeInvalid, "A row is no JSON.")
			}
			text.WriteByte('\n')
		}
		sent = list{typeLines, text.Bytes()}
	}
	open := sheet.CSV
	if sent.kind == typeLines {
		open = sheet.JSONLines
	}
	return func() (sheet.Reader, io.Closer, error) {
		r, err := open(bytes.NewReader(sent.text))
		return r, io.NopCloser(nil), err
	}, nil
}

// request returns what is asked for.
func (in *createBatchInput) request(ctx context.Context) (r batches.Request, err error) {
	b := in.Body
	r = batches.Request{
		ID: newID(ctx, "batch"), Name: cmp.Or(b.Name, in.Name), Column: cmp.Or(b.IDColumn, in.IDColumn), AllOrNone: in.AllOrNone, Priority: in.Priority,
	}
	if r.Rows, err = in.source(ctx); err != nil {
		return r, err
	}
	campaign, _ := uuid.Parse(in.CampaignID)
	if b.CampaignID != nil {
		campaign = *b.CampaignID
	}
	switch {
	case (b.Campaign == nil) == (campaign == uuid.Nil) || b.CampaignID != nil && in.CampaignID != "":
		return r, NewProblem(http.StatusUnprocessableEntity, CodeInvalid, "Send either campaign or campaign_id.")
	case b.Campaign == nil && b.UserID != nil:
		return r, NewProblem(http.StatusUnprocessableEntity, CodeInvalid, "user_id is for a campaign that is sent along.")
	case b.Campaign == nil:
		r.Campaign = campaign
		return r, nil
	}
	s, err := submission(ctx, b.Campaign, b.UserID, "campaign")
	r.Submission = &s
	return r, err
}

// batchAnswer is a new batch or, for a dry run, what it would be.
type batchAnswer struct {
	Status   int
	Location string `header:"Location" doc:"Where the batch is."`
	Body     struct {
		DryRun bool `json:"dry_run"`
		batches.Preview
		Batch *batches.Batch `json:"batch,omitempty" doc:"The batch; left out of a dry run."`
	}
}

func (a *API) createBatch(ctx context.Context, in *createBatchInput) (*batchAnswer, error) {
	request, err := in.request(ctx)
	if err != nil {
		return nil, err
	}
	out := &batchAnswer{Status: http.StatusOK}
	out.Body.DryRun = in.DryRun
	if in.DryRun {
		out.Body.Preview, err = batches.Check(ctx, a.cfg.DB, request)
		return out, batchProblem(err)
	}
	made, preview, err := batches.Create(ctx, a.cfg.DB, request)
	if err != nil {
		return nil, batchProblem(err)
	}
	out.Status, out.Location, out.Body.Preview, out.Body.Batch = http.StatusAccepted, a.at(batchesPath+"/"+made.ID.String()), preview, &made
	return out, nil
}

// batchProblem returns the problem that an error of package batches is; others as they are.
func batchProblem(err error) error {
	var wrong *sheet.Error
	var faults *batches.FaultsError
	switch {
	case errors.As(err, &wrong):
		p := NewProblem(http.StatusUnprocessableEntity, CodeInvalid, "The list cannot be read.")
		p.Errors = []Fault{{Detail: wrong.Error()}}
		return p
	case errors.As(err, &faults):
		p := NewProblem(http.StatusUnprocessableEntity, CodeInvalid, "%d of %d rows have faults, and nothing was made. Errors has the first of them.", faults.Preview.Invalid, faults.Preview.Rows)
		for _, f := range faults.Preview.Faults {
			p.Errors = append(p.Errors, Fault{Detail: f.String()})
		}
		return p
	case errors.Is(err, batches.ErrEmpty), errors.Is(err, batches.ErrTooMany):
		return NewProblem(http.StatusUnprocessableEntity, CodeInvalid, "%s.", sentence(batchCause(err)))
	case errors.Is(err, batches.ErrChanged):
		return NewProblem(http.StatusConflict, CodeConflict, "%s.", sentence(batches.ErrChanged))
	case errors.Is(err, batches.ErrPriority):
		return NewProblem(http.StatusForbidden, CodeOneUser, "%s.", sentence(batches.ErrPriority))
	case errors.Is(err, batches.ErrNotFound):
		return NewProblem(http.StatusNotFound, CodeNotFound, "%s.", sentence(batches.ErrNotFound))
	}
	return err
}

func batchCause(err error) error {
	if errors.Is(err, batches.ErrEmpty) {
		return batches.ErrEmpty
	}
	return batches.ErrTooMany
}

func (a *API) listBatches(ctx context.Context, in *Page) (*List[batches.Batch], error) {
	list, next, err := batches.List(ctx, a.cfg.DB, renders.Cursor(in.Cursor), in.Limit)
	if err != nil {
		return nil, err
	}
	return listOf(list, next), nil
}

type batchInput struct {
	ID uuid.UUID `path:"id" doc:"The batch's id."`
}

type batchOutput struct{ Body batches.Batch }

func (a *API) getBatch(ctx context.Context, in *batchInput) (*batchOutput, error) {
	b, err := batches.Get(ctx, a.cfg.DB, in.ID)
	if err != nil {
		return nil, batchProblem(err)
	}
	return &batchOutput{b}, nil
}

type batchRowsInput struct {
	Page

	ID     uuid.UUID `path:"id" doc:"The batch's id."`
	Status string    `query:"status" enum:"open,done,failed,cancelled,deleted,invalid" doc:"Rows that have ended so; open: those that have not ended."`
}

func (a *API) listBatchRows(ctx context.Context, in *batchRowsInput) (*List[batches.Row], error) {
	list, next, err := batches.Rows(ctx, a.cfg.DB, in.ID, in.Status, renders.Cursor(in.Cursor), in.Limit)
	if err != nil {
		return nil, batchProblem(err)
	}
	return listOf(list, next), nil
}

func (a *API) getBatchResult(ctx context.Context, in *batchInput) (*huma.StreamResponse, error) {
	b, err := batches.Get(ctx, a.cfg.DB, in.ID)
	if err != nil {
		return nil, batchProblem(err)
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		hc.SetHeader("Content-Type", typeCSV+"; charset=utf-8; header=present")
		hc.SetHeader("Content-Disposition", `attachment; filename="batch-`+b.ID.String()+`.csv"`)
		if err := batches.WriteResult(hc.Context(), a.cfg.DB, b.ID, hc.BodyWriter()); err != nil && hc.Context().Err() == nil {
			a.cfg.Log.Error().Err(err).Stringer("batch_id", b.ID).Msg("result of a batch not written")
			panic(http.ErrAbortHandler) // what was sent is not the whole
		}
	}}, nil
}

type batchAction struct {
	Location string `header:"Location" doc:"Where the action is."`
	Body     bulk.Action
}

func (a *API) retryBatch(ctx context.Context, in *batchInput) (*batchAction, error) {
	return a.actOnBatch(ctx, in.ID, bulk.Request{Action: bulk.Retry, Filter: renders.Filter{Statuses: []string{"failed"}}})
}

func (a *API) cancelBatch(ctx context.Context, in *batchInput) (*batchAction, error) {
	return a.actOnBatch(ctx, in.ID, bulk.Request{Action: bulk.Cancel})
}

// actOnBatch makes an action on the renders of a batch.
func (a *API) actOnBatch(ctx context.Context, id uuid.UUID, request bulk.Request) (*batchAction, error) {
	if _, err := batches.Get(ctx, a.cfg.DB, id); err != nil {
		return nil, batchProblem(err)
	}
	request.ID, request.Filter.Batch = newID(ctx, "bulk"), id
	made, err := bulk.Create(ctx, a.cfg.DB, request)
	if err != nil {
		return nil, bulkProblem(err)
	}
	return &batchAction{Location: a.at("/v1/bulk-actions/" + made.ID.String()), Body: made}, nil
}
