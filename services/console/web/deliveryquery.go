package web

import (
	"net/url"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/services/console/webhooks"
)

// deliveryQuery is a filter of deliveries as the address has it.
type deliveryQuery struct {
	Endpoint, State, Type, Render, Within string

	values url.Values
	filter webhooks.Filter
}

// Empty reports whether all deliveries are meant.
func (q deliveryQuery) Empty() bool { return q.filter.Empty() }

// Bounded reports whether the filter says more than that deliveries are older than a time.
func (q deliveryQuery) Bounded() bool {
	q.filter.Before = time.Time{}
	return !q.filter.Empty()
}

// Fields are the filter as a form has it.
func (q deliveryQuery) Fields() url.Values { return q.values }

// Withins, States and EventTypes are the choices.
func (deliveryQuery) Withins() []choice { return withins }

// States are those of deliveries.
func (deliveryQuery) States() []string {
	return []string{webhooks.Pending, webhooks.Delivered, webhooks.Dead}
}

// EventTypes are those of events.
func (deliveryQuery) EventTypes() []string {
	return append(slices.Clone(webhooks.Types), webhooks.EndpointTest)
}

// readDeliveries reads a filter of deliveries from an address or a form.
func readDeliveries(values url.Values, now time.Time) (q deliveryQuery, err error) {
	q = deliveryQuery{Endpoint: values.Get("endpoint"), State: values.Get("state"), Type: values.Get("type"), Render: values.Get("render"), Within: values.Get("within"), values: url.Values{}}
	for _, name := range []string{"endpoint", "state", "type", "within", "render", "event", "from", "before"} {
		if value := values.Get(name); value != "" {
			q.values.Set(name, value)
		}
	}
	for name, into := range map[string]**uuid.UUID{"endpoint": &q.filter.Endpoint, "render": &q.filter.Render, "event": &q.filter.Event} {
		if text := values.Get(name); text != "" {
			id, err := uuid.Parse(text)
			if err != nil {
				return q, unreadable("This is no id: " + text)
			}
			*into = &id
		}
	}
	if q.State != "" {
		if !slices.Contains(q.States(), q.State) {
			return q, unreadable("There is no such state: " + q.State)
		}
		q.filter.States = []string{q.State}
	}
	if q.Type != "" {
		if !slices.Contains(q.EventTypes(), q.Type) {
			return q, unreadable("There is no such event: " + q.Type)
		}
		q.filter.Types = []string{q.Type}
	}
	back, err := readWithin(q.Within)
	if err != nil {
		return q, err
	}
	if back > 0 {
		q.filter.Since = now.Add(-back)
	}
	var from time.Time
	if err := readTimes(values, map[string]*time.Time{"from": &from, "before": &q.filter.Before}); err != nil {
		return q, err
	}
	if from.After(q.filter.Since) {
		q.filter.Since = from
	}
	return q, nil
}

// Hidden are the fields that the form of the list has no place for, with their names.
func (q deliveryQuery) Hidden() url.Values {
	values := url.Values{}
	for _, name := range []string{"event", "from", "before"} {
		if value := q.values.Get(name); value != "" {
			values.Set(name, value)
		}
	}
	return values
}
