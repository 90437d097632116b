package webhooks

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Types of events.
const (
	RenderStarted   = "render.started"
	RenderCompleted = "render.completed"
	RenderFailed    = "render.failed"
	RenderCancelled = "render.cancelled"
	BatchCompleted  = "batch.completed"
	AlertOpened     = "alert.opened"
	AlertClosed     = "alert.closed"
	// EndpointTest is sent on request, to one endpoint.
	EndpointTest = "endpoint.test"
)

// Types are those that an endpoint may ask for.
var Types = []string{RenderStarted, RenderCompleted, RenderFailed, RenderCancelled, BatchCompleted, AlertOpened, AlertClosed}

// DefaultTypes are those of an endpoint that asks for nothing.
var DefaultTypes = []string{RenderStarted, RenderCompleted, RenderFailed, RenderCancelled, BatchCompleted}

// Body is the body of a webhook whose data is a D.
type Body[D any] struct {
	Type string `json:"type" doc:"What happened." example:"render.completed"`
	// Timestamp is when it happened. The header has when it was sent.
	Timestamp time.Time `json:"timestamp" doc:"When it happened. The header has when it was sent."`
	Data      D         `json:"data"`
}

// Message is the body of any webhook.
type Message = Body[json.RawMessage]

// RenderData is the data of a render's event.
type RenderData struct {
	RenderID        uuid.UUID       `json:"render_id"`
	CampaignID      *uuid.UUID      `json:"campaign_id" nullable:"true"`
	JobID           *uuid.UUID      `json:"job_id" nullable:"true" doc:"The job that began or ended. A render that is done again has another one."`
	UserID          *string         `json:"user_id" doc:"Whose campaign it is."`
	Status          string          `json:"status" doc:"The render's: done, failed, cancelled, or the stage that began." example:"done"`
	VideoURL        *string         `json:"final_video_url"`
	ThumbURL        *string         `json:"thumb_url"`
	ThumbSmall      *string         `json:"thumb_small_url"`
	PreviewURL      *string         `json:"preview_url" doc:"An animated GIF, where the campaign asks for a preview."`
	ErrorCode       *string         `json:"error_code" doc:"docs/reference/errors.md has all of them."`
	ErrorMessage    *string         `json:"error_message" doc:"The beginning of the error in words."`
	Deleted         bool            `json:"deleted" doc:"The render was deleted before it had ended."`
	Metadata        json.RawMessage `json:"metadata" doc:"The campaign's. Null: it was deleted with its campaign."`
	MetadataOmitted bool            `json:"metadata_omitted,omitempty" doc:"The metadata is too large to be passed on."`
}

// BatchData is the data of a batch's event.
type BatchData struct {
	BatchID    uuid.UUID       `json:"batch_id"`
	Name       string          `json:"name" doc:"The batch's, for people."`
	CampaignID uuid.UUID       `json:"campaign_id"`
	UserID     *string         `json:"user_id" doc:"Whose campaign it is."`
	Completion int             `json:"completion" doc:"How often the batch has been completed: more than once where renders were retried." example:"1"`
	CreatedAt  time.Time       `json:"created_at"`
	Completed  time.Time       `json:"completed_at"`
	Rows       int             `json:"rows"`
	Done       int             `json:"done"`
	Failed     int             `json:"failed"`
	Cancelled  int             `json:"cancelled"`
	Deleted    int             `json:"deleted" doc:"Renders that were deleted."`
	Invalid    int             `json:"invalid" doc:"Rows with faults, which have no render."`
	Earlier    int             `json:"earlier" doc:"Rows whose render an earlier batch has made."`
	Codes      map[string]int  `json:"error_codes" nullable:"false" doc:"How many rows are invalid or have failed, by error code."`
	Metadata   json.RawMessage `json:"metadata" doc:"The campaign's. Null: it is too large to be passed on, or the campaign was deleted."`
}

// AlertData is the data of an alert's event. What is known depends on its kind.
type AlertData struct {
	AlertID  uuid.UUID  `json:"alert_id" doc:"The incident's: the same in both of its events."`
	Kind     string     `json:"kind" enum:"render_failed,queue_waits,stage_idle"`
	About    string     `json:"about" doc:"The stage; empty for the other kinds."`
	Text     string     `json:"text" doc:"A sentence for people."`
	OpenedAt time.Time  `json:"opened_at"`
	ClosedAt *time.Time `json:"closed_at" doc:"Null in alert.opened."`
	AlertDetail
}

// AlertDetail is what is known of an incident.
type AlertDetail struct {
	Count    *int           `json:"count,omitempty" doc:"How many renders have failed since it began."`
	Codes    map[string]int `json:"error_codes,omitempty" doc:"How many of them with which error code."`
	RenderID *uuid.UUID     `json:"render_id,omitempty" doc:"The last render that failed, or the one whose job waits longest."`
	QueuedAt *time.Time     `json:"queued_at,omitempty" doc:"Since when that job waits."`
	DueSince *time.Time     `json:"due_since,omitempty" doc:"Since when the stage's oldest task has been due."`
}

// TestData is the data of a test.
type TestData struct {
	EndpointID uuid.UUID `json:"endpoint_id" doc:"The endpoint that is tested."`
	Text       string    `json:"text" doc:"A sentence for people."`
}

// body returns the bytes of a message: the same for each attempt.
func body(kind string, at time.Time, data json.RawMessage) ([]byte, error) {
	at = at.UTC()
	switch kind {
	case RenderStarted, RenderCompleted, RenderFailed, RenderCancelled:
		return encode(Body[RenderData]{Type: kind, Timestamp: at}, data)
	case BatchCompleted:
		return encode(Body[BatchData]{Type: kind, Timestamp: at}, data)
	case AlertOpened, AlertClosed:
		return encode(Body[AlertData]{Type: kind, Timestamp: at}, data)
	case EndpointTest:
		return encode(Body[TestData]{Type: kind, Timestamp: at}, data)
	}
	return marshal(Message{Type: kind, Timestamp: at, Data: data})
}

// encode reads the data of a message, and writes the message.
func encode[D any](b Body[D], data json.RawMessage) ([]byte, error) {
	if err := json.Unmarshal(data, &b.Data); err != nil {
		return nil, fmt.Errorf("read the data of %s: %w", b.Type, err)
	}
	return marshal(b)
}

// marshal is json.Marshal, but for < and >, which stay one byte each.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, fmt.Errorf("write a message: %w", err)
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}
