package renders

import (
	"encoding/json"
	"fmt"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// history returns the tasks of a plan that has been thinned: loom.plans.history.
func history(data []byte) ([]Task, error) {
	var kept []struct {
		Task

		Weight float64    `json:"weight"`
		Rate   msg.Rate   `json:"rate"`
		Used   *msg.Usage `json:"used"`
	}
	if err := json.Unmarshal(data, &kept); err != nil {
		return nil, fmt.Errorf("read the history of a render: %w", err)
	}
	tasks := make([]Task, 0, len(kept))
	for _, k := range kept {
		t := k.Task
		t.weight, t.rate = k.Weight, k.Rate
		if t.Attempts == nil {
			t.Attempts = []Attempt{}
			if t.State == "done" && t.Worker != nil && t.StartedAt != nil {
				outcome := "done"
				t.Attempts = append(t.Attempts, Attempt{Attempt: t.Attempt, Worker: *t.Worker, GrantedAt: *t.StartedAt, EndedAt: t.EndedAt, Outcome: &outcome, Used: k.Used})
			}
		}
		tasks = append(tasks, t)
	}
	return tasks, nil
}
