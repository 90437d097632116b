package webhooks

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
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

// Message is the body of a webhook.
type Message struct {
	Type string `json:"type" doc:"What happened." example:"render.completed"`
	// Timestamp is when it happened. The header has when it was sent.
	Timestamp time.Time       `json:"timestamp" doc:"When it happened."`
	Data      json.RawMessage `json:"data"`
}

// RenderData is the data of a render's event.
type RenderData struct {
	RenderID   uuid.UUID  `json:"render_id"`
	CampaignID *uuid.UUID `json:"campaign_id"`
	// JobID is the job that began or ended. A render that is done again has another one.
	JobID  *uuid.UUID `json:"job_id"`
	UserID *string    `json:"user_id"`
	// Status is the render's: done, failed, cancelled, or the stage that began.
	Status       string  `json:"status"`
	VideoURL     *string `json:"final_video_url"`
	ThumbURL     *string `json:"thumb_url"`
	ThumbSmall   *string `json:"thumb_small_url"`
	ErrorCode    *string `json:"error_code"`
	ErrorMessage *string `json:"error_message"`
	// Deleted: the render was deleted before it had ended.
	Deleted bool `json:"deleted"`
	// Metadata is the campaign's.
	Metadata json.RawMessage `json:"metadata"`
	// MetadataOmitted: the metadata is too large to be passed on.
	MetadataOmitted bool `json:"metadata_omitted,omitempty"`
}

// body returns the bytes of a message: the same for each attempt.
func body(kind string, at time.Time, data json.RawMessage) ([]byte, error) {
	if slices.Contains([]string{RenderStarted, RenderCompleted, RenderFailed, RenderCancelled}, kind) {
		var ordered RenderData
		if err := json.Unmarshal(data, &ordered); err != nil {
			return nil, fmt.Errorf("read the data of %s: %w", kind, err)
		}
		var err error
		if data, err = marshal(ordered); err != nil {
			return nil, err
		}
	}
	return marshal(Message{Type: kind, Timestamp: at.UTC(), Data: data})
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
