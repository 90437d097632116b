package remote

import (
	"context"
	"encoding/json"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/services/console/preflight"
	"github.com/loom-lite/loom-lite/services/console/renders"
)

// OpenPreflight has the pages of a campaign opened.
func (d *Deployment) OpenPreflight(ctx context.Context, s renders.Submission) (uuid.UUID, error) {
	document, err := s.Document()
	if err != nil {
		return uuid.Nil, err
	}
	body, err := reader(struct {
		Campaign json.RawMessage `json:"campaign"`
	}{document})
	if err != nil {
		return uuid.Nil, err
	}
	made, err := decode[struct {
		ID uuid.UUID `json:"id"`
	}](d.client.CreatePreflightWithBody(ctx, jsonType, body))
	return made.ID, err
}

// Preflight returns what was found so far.
func (d *Deployment) Preflight(ctx context.Context, id uuid.UUID) (*preflight.Preflight, error) {
	p, err := decode[*preflight.Preflight](d.client.GetPreflight(ctx, id.String()))
	if err != nil {
		return nil, ifMissing(err, preflight.ErrNotFound)
	}
	for i := range p.Pages {
		p.Pages[i].PictureURL = nil // it is signed
	}
	return p, nil
}

// CancelPreflight has no more pages opened.
func (d *Deployment) CancelPreflight(ctx context.Context, id uuid.UUID) error {
	return ifMissing(done(d.client.CancelPreflight(ctx, id.String())), preflight.ErrNotFound)
}

// Sheet writes the contact sheet to the path.
func (d *Deployment) Sheet(ctx context.Context, p *preflight.Preflight, path string) error {
	r, err := d.client.GetPreflightSheet(ctx, p.ID.String())
	return save(path, r, err)
}
