package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/console/campaign"
	"github.com/loom-lite/loom-lite/services/console/renders"
)

// outcome is what `loom render --json` prints as its last line. Every field is always present; one
// without a value is null.
type outcome struct {
	// RenderID is null when nothing was submitted.
	RenderID *uuid.UUID `json:"render_id"`
	// Status is the render's when the command ended: done, failed, cancelled, or, when the command
	// was interrupted, whatever it had come to. It is failed when nothing was submitted.
	Status string `json:"status"`
	// Video and Thumbnail are the downloaded files' absolute paths.
	Video     *string `json:"video"`
	Thumbnail *string `json:"thumbnail"`
	// preview is the animated GIF's, empty where the campaign asks for none. A WebP lies beside it.
	preview string
	// Frames were counted on the finished file; DurationSeconds follows from them.
	Frames          int     `json:"frames"`
	DurationSeconds float64 `json:"duration_s"`
	// WallSeconds is how long the command took.
	WallSeconds  float64 `json:"wall_s"`
	ErrorCode    *string `json:"error_code"`
	ErrorMessage *string `json:"error_message"`
	// Warnings are the render's; it may be done all the same.
	Warnings []msg.Warning `json:"warnings"`
}

// Codes of failures of the command itself. A render's own codes are in pkg/msg.
const (
	codeCampaignFile = "campaign_file_invalid"
	codeOptionsFile  = "options_file_invalid"
	codeCommand      = "command_failed"
)

func (o *outcome) submitted(id uuid.UUID) {
	o.RenderID = &id
	o.Status = "queued"
}

func (o *outcome) ended(r renders.Render) {
	if r.Status != "" {
		o.Status, o.ErrorCode, o.ErrorMessage, o.Warnings = r.Status, r.ErrorCode, r.ErrorMessage, r.Warnings
	}
}

// cancelled is the outcome of a render that this command cancelled.
func (o *outcome) cancelled() {
	code, message := string(msg.CodeCancelled), "The render was cancelled."
	o.Status, o.ErrorCode, o.ErrorMessage = "cancelled", &code, &message
}

// measured takes over what the finished video was found to be.
func (o *outcome) measured(r renders.Report) error {
	frames, rate, err := r.Frames()
	if err != nil {
		return fmt.Errorf("read what the video came to: %w", err)
	}
	o.Frames = frames
	if frames > 0 {
		o.DurationSeconds = seconds(rate.At(frames))
	}
	return nil
}

// explain takes over the command's own error, unless the render's says it.
func (o *outcome) explain(err error) {
	if o.Status == "" {
		o.Status = "failed"
	}
	var exit exitError
	if err == nil || errors.As(err, &exit) || o.ErrorCode != nil {
		return
	}
	code, message := codeCommand, err.Error()
	var file *campaign.Error
	if errors.As(err, &file) {
		code = codeCampaignFile
	}
	o.ErrorCode, o.ErrorMessage = &code, &message
}

func (o *outcome) print(w io.Writer) error {
	if o.Warnings == nil {
		o.Warnings = []msg.Warning{} // an empty list, not null
	}
	line, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("write outcome: %w", err)
	}
	_, err = fmt.Fprintf(w, "%s\n", line)
	return err
}
