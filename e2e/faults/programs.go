package faults

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
)

const module = "github.com/loom-lite/loom-lite/"

// programs are those that runs start, by what they are called there.
var programs = map[string]string{
	"ingest":     "services/ingest/cmd/ingest",
	"uploader":   "services/uploader/cmd/uploader",
	"worker":     "e2e/faults/cmd/worker",
	"recorder":   "services/recorder/cmd/recorder",
	"transcoder": "services/transcoder/cmd/transcoder",
}

// Build builds programs with kill points into dir: those that most faults need, and with media also
// the recorder and the transcoder.
func Build(ctx context.Context, dir string, media bool) error {
	args := []string{"build", "-tags", "faults", "-buildvcs=false", "-ldflags=-s -w", "-o", dir + string(filepath.Separator)}
	for name, where := range programs {
		if media || name != "recorder" && name != "transcoder" {
			args = append(args, module+where)
		}
	}
	if out, err := exec.CommandContext(ctx, "go", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("build the services: %w\n%s", err, out)
	}
	return nil
}
