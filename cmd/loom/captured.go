package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/services/console/campaign"
)

// captured is the result that `loom capture --json` prints. Every field is always there, and null
// where there is no value.
type captured struct {
	// Frames were counted on the finished file. Distinct is the number of different pictures among
	// them.
	Frames   int `json:"frames"`
	Distinct int `json:"distinct"`
	Width    int `json:"width"`
	Height   int `json:"height"`
	FPS      int `json:"fps"`
	// Mode is how the page was captured; empty when it was not.
	Mode msg.Mode `json:"mode"`
	// WallSeconds is how long the command took. CPUSeconds is the CPU time that it used, Chrome and
	// FFmpeg included.
	WallSeconds float64 `json:"wall_seconds"`
	CPUSeconds  float64 `json:"cpu_seconds"`
	// Bytes is the size of the video, Output its absolute path, and Thumbnail the thumbnail's.
	Bytes        int64         `json:"bytes"`
	Output       *string       `json:"output"`
	Thumbnail    *string       `json:"thumbnail"`
	Warnings     []msg.Warning `json:"warnings"`
	ErrorCode    *string       `json:"error_code"`
	ErrorMessage *string       `json:"error_message"`
	// Bundle is the absolute path of the failure bundle, when the page could not be recorded.
	Bundle *string `json:"failure_bundle"`
}

// explain sets code and message from the command's error.
func (r *captured) explain(err error) {
	if err == nil {
		return
	}
	code, message := codeCommand, err.Error()
	var failure *stage.Error
	var file *campaign.Error
	switch {
	case errors.As(err, &failure):
		code, message = string(failure.Code), failure.Message
	case errors.As(err, &file):
		code = codeOptionsFile
	}
	r.ErrorCode, r.ErrorMessage = &code, &message
}

func (r *captured) print(w io.Writer) error {
	if r.Warnings == nil {
		r.Warnings = []msg.Warning{} // an empty list, not null
	}
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	_, err = fmt.Fprintf(w, "%s\n", line)
	return err
}

// tell prints the result for people.
func (r *captured) tell(a *app) {
	a.printf("%s  (%d×%d, %d frames at %d per second, %.0f kB)\n", *r.Output, r.Width, r.Height, r.Frames, r.FPS, float64(r.Bytes)/1e3)
	a.printf("recorded in mode %s: %d distinct frames, %.1f s wall, %.1f s CPU\n", r.Mode, r.Distinct, r.WallSeconds, r.CPUSeconds)
}
