package renders

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// Stage is what the tasks of one status come to.
type Stage struct {
	// Status is the render's while this is its earliest unfinished stage.
	Status string `json:"status"`
	Done   int    `json:"done"`
	Total  int    `json:"total"`
	// Progress of the stage, 0 to 1.
	Progress  float64    `json:"progress"`
	StartedAt *time.Time `json:"started_at"`
	EndedAt   *time.Time `json:"ended_at"`
}

// Left estimates how long the stage will take from now, at the speed that it had so far. It knows
// nothing before some of the work is done.
func (s Stage) Left(now time.Time) (left time.Duration, known bool) {
	if s.StartedAt == nil || s.Progress < 0.02 || s.Progress >= 1 {
		return 0, s.Progress >= 1
	}
	elapsed := now.Sub(*s.StartedAt)
	return time.Duration(float64(elapsed) * (1 - s.Progress) / s.Progress), true
}

// statusOf is the status that each kind of task belongs to.
var statusOf = map[msg.Kind]string{
	msg.Record: "recording", msg.Probe: "recording", msg.Draw: "recording", msg.Normalize: "normalizing", msg.Concat: "concatenating",
	msg.Overlay: "overlaying", msg.Upload: "uploading",
}

// NewTask returns a task that has not begun. weight is its share of the render's work.
func NewTask(id uuid.UUID, kind msg.Kind, weight float64) Task {
	return Task{ID: id, Kind: kind, weight: weight}
}

// Progress returns the part of all tasks together that is done, 0 to 1.
func Progress(tasks []Task) float64 {
	var done, total float64
	for _, t := range tasks {
		done += t.Progress * t.weight
		total += t.weight
	}
	return done / total
}

// Stages sums up a plan's tasks, in the order in which a render goes through its statuses. A stage
// without tasks is left out: a render without a facecam has nothing to overlay.
func Stages(tasks []Task) []Stage {
	var stages []Stage
	weights := map[string]float64{}
	for _, t := range tasks {
		weights[statusOf[t.Kind]] += t.weight
	}
	for _, t := range tasks {
		status := statusOf[t.Kind]
		if len(stages) == 0 || stages[len(stages)-1].Status != status {
			stages = append(stages, Stage{Status: status})
		}
		s := &stages[len(stages)-1]
		s.Total++
		progress := t.Progress
		if t.State == "done" {
			s.Done++
			progress = 1
		}
		s.Progress += progress * t.weight / weights[status]
		if t.StartedAt != nil && (s.StartedAt == nil || t.StartedAt.Before(*s.StartedAt)) {
			s.StartedAt = t.StartedAt
		}
		if t.EndedAt != nil && (s.EndedAt == nil || t.EndedAt.After(*s.EndedAt)) {
			s.EndedAt = t.EndedAt
		}
	}
	for i := range stages {
		if s := &stages[i]; s.Done < s.Total {
			s.EndedAt = nil
			s.Progress = min(s.Progress, 0.999)
		} else {
			s.Progress = 1
		}
	}
	return stages
}

// Frames returns how many frames the finished video has, as measured on the file, and at which
// rate. Both are zero before the video is finished.
func Frames(tasks []Task) (frames int, rate msg.Rate, err error) {
	for _, t := range tasks {
		if t.State != "done" || t.Kind != msg.Concat && t.Kind != msg.Overlay {
			continue
		}
		var facts msg.VideoFacts
		if err := json.Unmarshal(t.Facts, &facts); err != nil {
			return 0, rate, err
		}
		frames = facts.Frames
		rate = t.rate
	}
	return frames, rate, nil
}

// UploadTask returns the task that stored the finished video: objects are named after it.
func UploadTask(tasks []Task) (Task, bool) {
	for _, t := range tasks {
		if t.Kind == msg.Upload && t.State == "done" {
			return t, true
		}
	}
	return Task{}, false
}
