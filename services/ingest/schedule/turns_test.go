package schedule

import (
	"strings"
	"testing"

	"github.com/google/uuid"
)

// render returns an open render with n due tasks, of an owner of weight 1.
func render(owner string, n int) open {
	return open{plan: uuid.New(), owner: owner, weight: 1, due: make([]due, n)}
}

// owners writes whose turns these are, a letter for each.
func owners(list []turn) string {
	var s strings.Builder
	for _, t := range list {
		s.WriteString(t.owner)
	}
	return s.String()
}

func TestTurns(t *testing.T) {
	t.Parallel()
	change := func(o open, f func(*open)) open { f(&o); return o }
	for name, test := range map[string]struct {
		renders []open
		want    string
	}{
		"nothing":                    {nil, ""},
		"one user":                   {[]open{render("a", 3)}, "aaa"},
		"two users":                  {[]open{render("a", 6), render("b", 2)}, "ababaaaa"},
		"two renders of one of them": {[]open{render("a", 2), render("a", 2), render("b", 2)}, "ababaa"},
		"tasks that have workers": {[]open{
			change(render("a", 3), func(o *open) { o.busy = 2 }), render("b", 3),
		}, "bbabaa"},
		"weights":    {[]open{change(render("a", 6), func(o *open) { o.weight = 2 }), render("b", 3)}, "ababaabaa"},
		"priorities": {[]open{render("a", 2), change(render("b", 2), func(o *open) { o.priority = 1 })}, "bbaa"},
	} {
		if got := owners(newTurns().order(test.renders, 100)); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

// A worker that is free now and then serves one after the other, not always the oldest.
func TestTurnsAreRemembered(t *testing.T) {
	t.Parallel()
	turns := newTurns()
	renders := []open{render("a", 4), render("a", 4), render("b", 4)}
	served := map[*open]int{}
	var all string
	for range 8 {
		next := turns.order(renders, 1)[0]
		turns.serve(next.open)
		served[next.open]++
		all += next.owner
		turns.forget()
	}
	if all != "abababab" || served[&renders[0]] != 2 || served[&renders[1]] != 2 {
		t.Errorf("users were served as %s, a's renders %d and %d times", all, served[&renders[0]], served[&renders[1]])
	}
}
