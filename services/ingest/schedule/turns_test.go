package schedule

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// render returns an open render with n due tasks, of an owner of weight 1.
func render(owner string, n int) open {
	return open{plan: uuid.New(), owner: owner, weight: 1, due: make([]due, n)}
}

// none is offered.
func none(due) bool { return false }

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
		if got := owners(newTurns().order(test.renders, 100, hosts{}, none)); got != test.want {
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
		next := turns.order(renders, 1, hosts{}, none)[0]
		turns.serve(next.open)
		served[next.open]++
		all += next.owner
		turns.forget()
	}
	if all != "abababab" || served[&renders[0]] != 2 || served[&renders[1]] != 2 {
		t.Errorf("users were served as %s, a's renders %d and %d times", all, served[&renders[0]], served[&renders[1]])
	}
}

// Pages of a host that is full are passed over, and the host is not filled twice.
func TestPagesOfAFullHostArePassedOver(t *testing.T) {
	t.Parallel()
	pages := func(owner string, list ...string) open {
		r := render(owner, 0)
		for _, host := range list {
			r.due = append(r.due, due{host: host, Ref: msg.NewRef(msg.Record, r.plan, uuid.New())})
		}
		return r
	}
	for name, test := range map[string]struct {
		renders []open
		pages   map[string]int
		offered int // of the first render's tasks
		want    string
	}{
		"none is":           {[]open{pages("a", "x", "x", "y")}, nil, 0, "x x y"},
		"one is":            {[]open{pages("a", "x", "x", "x", "y")}, map[string]int{"x": 1}, 0, "x y"},
		"for all":           {[]open{pages("a", "x", "x"), pages("b", "x", "y")}, map[string]int{"x": 1}, 0, "x y"},
		"by what is there":  {[]open{pages("a", "x"), pages("b", "x")}, map[string]int{"x": 2}, 0, ""},
		"by what is queued": {[]open{pages("a", "x", "x", "x", "y")}, nil, 2, "x x y"},
		"no host":           {[]open{pages("a", "", "", "")}, map[string]int{"": 5}, 0, "  "},
	} {
		offered := func(d due) bool {
			return slices.ContainsFunc(test.renders[0].due[:test.offered], func(o due) bool { return o.TaskID == d.TaskID })
		}
		if test.pages == nil {
			test.pages = map[string]int{}
		}
		var got []string
		for _, task := range newTurns().order(test.renders, 100, hosts{2, test.pages}, offered) {
			got = append(got, task.host)
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
