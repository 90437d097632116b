package schedule

import (
	"cmp"
	"maps"
	"slices"

	"github.com/google/uuid"
)

// turns decides whose task is next. Renders of a higher priority come first. Then users take turns:
// next is who has the fewest tasks with workers for its weight, and of those who have as few, who
// was served longest ago. The renders of each user take turns in the same way.
//
// Each replica remembers whom it has served. One that knows nothing of that begins with the oldest
// render, which changes the order for once.
type turns struct {
	served int // tasks so far
	users  map[string]int
	plans  map[uuid.UUID]int
}

func newTurns() *turns { return &turns{users: map[string]int{}, plans: map[uuid.UUID]int{}} }

// turn is a task, and whose it is.
type turn struct {
	due
	*open
}

// order returns the tasks of renders in their turns, n at most. It passes over pages of hosts that
// are full, and fills hosts with the others. Those that are offered already are counted, and keep
// their places.
func (t *turns) order(renders []open, n int, hosts hosts, offered func(due) bool) (list []turn) {
	for _, r := range renders {
		for _, d := range r.due {
			if offered(d) {
				hosts.add(d.host)
			}
		}
	}
	// What it would be if each task of the list were served as it comes.
	then := turns{t.served, maps.Clone(t.users), maps.Clone(t.plans)}
	users, plans := map[string]int{}, make([]int, len(renders))
	first := make([]int, len(renders)) // of the tasks that are left
	left := make([]int, len(renders))  // those that have more tasks
	for i := range renders {
		left[i] = i
	}
	for len(list) < n {
		left = slices.DeleteFunc(left, func(i int) bool {
			tasks := renders[i].due
			for first[i] < len(tasks) && hosts.full(tasks[first[i]].host) && !offered(tasks[first[i]]) {
				first[i]++
			}
			return first[i] == len(tasks)
		})
		if len(left) == 0 {
			break
		}
		next := slices.MinFunc(left, func(i, j int) int {
			a, b := renders[i], renders[j]
			return cmp.Or(
				cmp.Compare(b.priority, a.priority),
				cmp.Compare(a.share(users[a.owner]), b.share(users[b.owner])),
				cmp.Compare(then.users[a.owner], then.users[b.owner]),
				cmp.Compare(a.running+plans[i], b.running+plans[j]),
				cmp.Compare(then.plans[a.plan], then.plans[b.plan]),
			)
		})
		r := &renders[next]
		task := r.due[first[next]]
		if !offered(task) {
			hosts.add(task.host)
		}
		list = append(list, turn{task, r})
		then.serve(r)
		first[next]++
		users[r.owner]++
		plans[next]++
	}
	return list
}

// share is how many of its owner's tasks have workers, with so many more, for its weight.
func (o *open) share(more int) float64 { return float64(o.busy+more) / o.weight }

// serve notes that a task of a render's is served.
func (t *turns) serve(o *open) {
	t.served++
	t.users[o.owner], t.plans[o.plan] = t.served, t.served
}

// forget drops what was noted long ago: renders that go on are served again before that.
func (t *turns) forget() {
	const long = 10_000
	maps.DeleteFunc(t.plans, func(_ uuid.UUID, at int) bool { return at < t.served-long })
	maps.DeleteFunc(t.users, func(_ string, at int) bool { return at < t.served-long })
}
