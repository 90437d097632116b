package bundle

import "slices"

// ends keeps the first and the last of many values.
type ends[T any] struct {
	first, last int // how many to keep of each
	head, tail  []T
	next        int // where the oldest of a full tail is
	// Dropped counts what was left out between the two.
	Dropped int
}

// add appends x. It returns the value that is dropped for it, if there is one.
func (e *ends[T]) add(x T) (dropped T, full bool) {
	switch {
	case len(e.head) < e.first:
		e.head = append(e.head, x)
	case len(e.tail) < e.last:
		e.tail = append(e.tail, x)
	default:
		dropped, full = e.tail[e.next], true
		e.tail[e.next] = x
		e.next = (e.next + 1) % e.last
		e.Dropped++
	}
	return dropped, full
}

// begin returns the first ones, end the last ones, in order.
func (e *ends[T]) begin() []T { return e.head }
func (e *ends[T]) end() []T   { return slices.Concat(e.tail[e.next:], e.tail[:e.next]) }
