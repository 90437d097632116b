package renders

// Bundle returns the attempt whose failure bundle best explains why a render failed, and its task:
// the newest one of a task that failed, else the newest one. found is false when there is none. It
// looks at attempts that AddAttempts has read.
func Bundle(tasks []Task) (task Task, attempt Attempt, found bool) {
	for _, t := range tasks {
		for _, a := range t.Attempts {
			if a.BundleKey == nil {
				continue
			}
			final, best := t.State == "failed", task.State == "failed"
			if !found || final && !best || final == best && a.GrantedAt.After(attempt.GrantedAt) {
				task, attempt, found = t, a, true
			}
		}
	}
	return task, attempt, found
}
