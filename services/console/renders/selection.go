package renders

import (
	"strings"
	"time"

	"github.com/google/uuid"
)

// Selection is a Filter as JSON has it: in requests, and in rows.
type Selection struct {
	Statuses []string   `json:"status,omitempty" required:"false" maxItems:"9" enum:"queued,recording,normalizing,concatenating,overlaying,uploading,done,failed,cancelled" doc:"One of these."`
	Stage    string     `json:"stage,omitempty" required:"false" enum:"record,transcode,upload" doc:"Renders that are in this stage, or have failed in it."`
	Codes    []string   `json:"error_code,omitempty" required:"false" maxItems:"50" doc:"One of these error codes."`
	Campaign *uuid.UUID `json:"campaign_id,omitempty" required:"false"`
	User     *uuid.UUID `json:"user_id,omitempty" required:"false" doc:"The campaign's user."`
	Batch    *uuid.UUID `json:"batch_id,omitempty" required:"false" doc:"Renders of this batch's rows."`
	Text     string     `json:"q,omitempty" required:"false" maxLength:"200" doc:"Part of the campaign's name or of the error's message, or the start of the render's id."`
	From     *time.Time `json:"created_from,omitempty" required:"false" doc:"Created then or later."`
	Within   int        `json:"created_within_seconds,omitempty" required:"false" minimum:"1" maximum:"315360000" doc:"Created in so many seconds before the filter is used. A later created_from wins."`
	Before   *time.Time `json:"created_before,omitempty" required:"false" doc:"Created before then."`
}

// Filter returns the filter that is meant.
func (s Selection) Filter() Filter {
	f := Filter{Statuses: s.Statuses, Stage: s.Stage, Codes: s.Codes, Text: strings.TrimSpace(s.Text)}
	if s.Campaign != nil {
		f.Campaign = *s.Campaign
	}
	if s.User != nil {
		f.User = *s.User
	}
	if s.Batch != nil {
		f.Batch = *s.Batch
	}
	if s.From != nil {
		f.From = *s.From
	}
	if s.Within > 0 {
		if since := time.Now().Add(-time.Duration(s.Within) * time.Second); since.After(f.From) {
			f.From = since
		}
	}
	if s.Before != nil {
		f.Before = *s.Before
	}
	return f
}

// Select returns a filter as JSON has it.
func Select(f Filter) Selection {
	s := Selection{Statuses: f.Statuses, Stage: f.Stage, Codes: f.Codes, Text: f.Text}
	if f.Campaign != uuid.Nil {
		s.Campaign = &f.Campaign
	}
	if f.User != uuid.Nil {
		s.User = &f.User
	}
	if f.Batch != uuid.Nil {
		s.Batch = &f.Batch
	}
	if !f.From.IsZero() {
		s.From = &f.From
	}
	if !f.Before.IsZero() {
		s.Before = &f.Before
	}
	return s
}
