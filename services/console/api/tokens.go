package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/audit"
	"github.com/loom-lite/loom-lite/services/console/renders"
	"github.com/loom-lite/loom-lite/services/console/tokens"
)

// tokens registers what can be done with tokens, and the audit log.
func (a *API) tokens() {
	tags := []string{"tokens"}
	admin := Need{Scope: access.Admin, Installation: true}
	Handle(a, Need{Scope: access.Admin, Installation: true, Secret: true}, huma.Operation{
		OperationID: "create-token", Method: http.MethodPost, Path: "/v1/tokens", Tags: tags, DefaultStatus: http.StatusCreated, Summary: "Make a token",
		Description: "The token is in this answer, and nowhere else. So an Idempotency-Key is refused: the answer is not kept.",
		Errors:      []int{http.StatusBadRequest},
	}, a.createToken)
	Handle(a, admin, huma.Operation{
		OperationID: "list-tokens", Method: http.MethodGet, Path: "/v1/tokens", Tags: tags, Summary: "List the tokens, the newest first",
		Errors: []int{http.StatusBadRequest},
	}, a.listTokens)
	Handle(a, admin, huma.Operation{
		OperationID: "get-token", Method: http.MethodGet, Path: "/v1/tokens/{id}", Tags: tags, Summary: "Get what is known of a token",
		Errors: []int{http.StatusNotFound},
	}, a.getToken)
	Handle(a, admin, huma.Operation{
		OperationID: "revoke-token", Method: http.MethodDelete, Path: "/v1/tokens/{id}", Tags: tags, DefaultStatus: http.StatusNoContent, Summary: "End a token",
		Description: "The next request with it is refused. It stays in the list.",
		Errors:      []int{http.StatusNotFound},
	}, a.revokeToken)
	Handle(a, admin, huma.Operation{
		OperationID: "list-audit", Method: http.MethodGet, Path: "/v1/audit", Tags: []string{"audit"}, Summary: "Read the audit log, the newest first",
		Errors: []int{http.StatusBadRequest},
	}, a.listAudit)
}

type createTokenInput struct {
	Body struct {
		Name      string       `json:"name" minLength:"1" maxLength:"200" doc:"What it is for." example:"the web app"`
		Scope     access.Scope `json:"scope" enum:"read,write,admin"`
		UserID    *uuid.UUID   `json:"user_id,omitempty" required:"false" doc:"Only for campaigns of this user. Then the scope is read or write."`
		ExpiresAt *time.Time   `json:"expires_at,omitempty" required:"false" doc:"When it ends. Left out: when it is revoked."`
	}
}

type createdToken struct {
	Location string `header:"Location"`
	Body     struct {
		tokens.Token

		Secret string `json:"token" doc:"The token. It is not shown again."`
	}
}

func (a *API) createToken(ctx context.Context, in *createTokenInput) (*createdToken, error) {
	t, secret, err := tokens.Create(ctx, a.cfg.DB, tokens.Request{Name: in.Body.Name, Scope: in.Body.Scope, User: in.Body.UserID, Expires: in.Body.ExpiresAt})
	if errors.Is(err, tokens.ErrInvalid) {
		return nil, NewProblem(http.StatusUnprocessableEntity, CodeInvalid, "%s.", sentence(err))
	}
	if err != nil {
		return nil, err
	}
	out := &createdToken{Location: a.at("/v1/tokens/" + t.ID.String())}
	out.Body.Token, out.Body.Secret = t, secret
	return out, nil
}

// tokenPlace is what a cursor of tokens holds.
type tokenPlace struct {
	At time.Time `json:"t"`
	ID uuid.UUID `json:"i"`
}

type listTokensInput struct{ Page }

func (a *API) listTokens(ctx context.Context, in *listTokensInput) (*List[tokens.Token], error) {
	var after *tokens.Token
	if in.Cursor != "" {
		var p tokenPlace
		if err := renders.Cursor(in.Cursor).Place(&p); err != nil || p.ID == uuid.Nil {
			return nil, renders.ErrCursor
		}
		after = &tokens.Token{CreatedAt: p.At, ID: p.ID}
	}
	list, err := tokens.List(ctx, a.cfg.DB, after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	var next renders.Cursor
	if len(list) > in.Limit {
		list = list[:in.Limit]
		last := list[in.Limit-1]
		next = renders.NewCursor(tokenPlace{last.CreatedAt, last.ID})
	}
	return listOf(list, next), nil
}

type tokenInput struct {
	ID uuid.UUID `path:"id" doc:"The token's id."`
}

type tokenOutput struct{ Body tokens.Token }

func (a *API) getToken(ctx context.Context, in *tokenInput) (*tokenOutput, error) {
	t, err := tokens.Get(ctx, a.cfg.DB, in.ID)
	if err != nil {
		return nil, err
	}
	return &tokenOutput{t}, nil
}

func (a *API) revokeToken(ctx context.Context, in *tokenInput) (*struct{}, error) {
	_, err := tokens.Revoke(ctx, a.cfg.DB, in.ID)
	return nil, err
}

type listAuditInput struct {
	Page

	Actor  string    `query:"actor" maxLength:"200" doc:"The actor's id."`
	Action string    `query:"action" maxLength:"100" example:"render.cancel"`
	Target string    `query:"target" maxLength:"200" example:"render/0199d3b0-5a0e-7c3c-9f0e-0d3f0c5b9a11"`
	From   time.Time `query:"from" doc:"Then or later."`
	Before time.Time `query:"before" doc:"Before then."`
}

func (a *API) listAudit(ctx context.Context, in *listAuditInput) (*List[audit.Entry], error) {
	var after int64
	if in.Cursor != "" {
		var text string
		if err := renders.Cursor(in.Cursor).Place(&text); err != nil {
			return nil, err
		}
		var err error
		if after, err = strconv.ParseInt(text, 10, 64); err != nil || after < 1 {
			return nil, renders.ErrCursor
		}
	}
	f := audit.Filter{Actor: in.Actor, Action: in.Action, Target: in.Target, From: in.From, Before: in.Before}
	list, err := audit.List(ctx, a.cfg.DB, f, after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	var next renders.Cursor
	if len(list) > in.Limit {
		list = list[:in.Limit]
		next = renders.NewCursor(strconv.FormatInt(list[in.Limit-1].ID, 10))
	}
	return listOf(list, next), nil
}
