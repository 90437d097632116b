package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/services/console/renders"
)

// query is a filter of renders as the address has it.
type query struct {
	// Status and Code are one or several, divided by commas.
	Text, Status, Code, Stage, Campaign, User, Within string

	values url.Values
	filter renders.Filter
	// within is how far back the filter goes, whenever it is used; 0: no bound.
	within time.Duration
}

// groups are names for several statuses at once.
var groups = map[string][]string{
	"active": {"recording", "normalizing", "concatenating", "overlaying", "uploading"},
}

// withins are how far back a list goes.
var withins = []choice{{"1h", "last hour"}, {"24h", "last 24 hours"}, {"168h", "last 7 days"}, {"720h", "last 30 days"}}

// unreadable refuses a filter. What cannot be read is an error: a filter that is left out would
// mean more than was asked for.
func unreadable(what string) error {
	return &refusal{status: http.StatusUnprocessableEntity, title: "This filter cannot be read", text: what}
}

// readQuery reads a filter from an address or a form.
func readQuery(values url.Values, now time.Time) (q query, err error) {
	q = query{
		Text: strings.TrimSpace(values.Get("q")), Status: values.Get("status"), Code: values.Get("code"), Stage: values.Get("stage"),
		Campaign: values.Get("campaign"), User: values.Get("user"), Within: values.Get("within"), values: url.Values{},
	}
	for _, name := range []string{"q", "status", "code", "stage", "campaign", "user", "within", "from", "before"} {
		if value := strings.TrimSpace(values.Get(name)); value != "" {
			q.values.Set(name, value)
		}
	}
	f := &q.filter
	f.Text, f.Stage = q.Text, q.Stage
	if f.Statuses, err = statuses(q.Status); err != nil {
		return q, err
	}
	if len(q.Code) > 500 || len(q.Text) > 200 {
		return q, unreadable("It is too long.")
	}
	for code := range strings.SplitSeq(q.Code, ",") {
		if code = strings.TrimSpace(code); code != "" {
			f.Codes = append(f.Codes, code)
		}
	}
	if q.Stage != "" && !slices.Contains(stageNames, q.Stage) {
		return q, unreadable("There is no such stage: " + q.Stage)
	}
	for _, id := range []struct {
		text string
		into *uuid.UUID
	}{{q.Campaign, &f.Campaign}, {q.User, &f.User}} {
		if id.text == "" {
			continue
		}
		if *id.into, err = uuid.Parse(id.text); err != nil {
			return q, unreadable("This is no id: " + id.text)
		}
	}
	if q.within, err = readWithin(q.Within); err != nil {
		return q, err
	}
	if q.within > 0 {
		f.From = now.Add(-q.within)
	}
	if err := readTimes(values, map[string]*time.Time{"before": &f.Before}); err != nil {
		return q, err
	}
	var from time.Time
	if err := readTimes(values, map[string]*time.Time{"from": &from}); err != nil {
		return q, err
	}
	if from.After(f.From) {
		f.From = from
	}
	return q, nil
}

// statuses reads statuses, or the name of a group of them.
func statuses(text string) ([]string, error) {
	if text == "" {
		return nil, nil
	}
	if group := groups[text]; group != nil {
		return group, nil
	}
	list := strings.Split(text, ",")
	for _, status := range list {
		if !slices.Contains(renders.Statuses, status) {
			return nil, unreadable("There is no such status: " + status)
		}
	}
	return list, nil
}

// readWithin reads how far back a list goes; 0: no bound.
func readWithin(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	within, err := time.ParseDuration(text)
	if err != nil || within < time.Second {
		return 0, unreadable("This is no duration: " + text)
	}
	return within, nil
}

// readTimes reads those fields that are there.
func readTimes(values url.Values, fields map[string]*time.Time) (err error) {
	for name, into := range fields {
		if text := values.Get(name); text != "" {
			if *into, err = time.Parse(time.RFC3339Nano, text); err != nil {
				return unreadable("This is no time: " + text)
			}
		}
	}
	return nil
}

// Empty reports whether all renders are meant.
func (q query) Empty() bool { return q.filter.Empty() }

// selection is the filter as it is saved: one that goes back from now goes back from then.
func (q query) selection() renders.Selection {
	s := renders.Select(q.filter)
	if q.within > 0 {
		s.From, s.Within = nil, int(q.within.Seconds())
	}
	return s
}

// pinned is the filter as it is at one moment: renders that are created later are not meant.
func (q query) pinned(now time.Time) url.Values {
	values := url.Values{}
	for name, value := range q.values {
		values[name] = value
	}
	if q.filter.Before.IsZero() {
		values.Set("before", now.UTC().Format(time.RFC3339Nano))
	}
	if !q.filter.From.IsZero() {
		values.Del("within")
		values.Set("from", q.filter.From.UTC().Format(time.RFC3339Nano))
	}
	return values
}

// valuesOf is a saved filter as the address has it.
func valuesOf(s renders.Selection) url.Values {
	values := url.Values{}
	set := func(name, value string) {
		if value != "" {
			values.Set(name, value)
		}
	}
	set("q", s.Text)
	set("stage", s.Stage)
	set("code", strings.Join(s.Codes, ","))
	set("status", strings.Join(s.Statuses, ","))
	for name, group := range groups {
		if slices.Equal(s.Statuses, group) {
			set("status", name)
		}
	}
	if s.Campaign != nil {
		set("campaign", s.Campaign.String())
	}
	if s.User != nil {
		set("user", s.User.String())
	}
	if s.Within > 0 {
		set("within", withinText(s.Within))
	}
	for name, at := range map[string]*time.Time{"from": s.From, "before": s.Before} {
		if at != nil {
			set(name, at.UTC().Format(time.RFC3339Nano))
		}
	}
	return values
}

// withinText is a number of seconds as the choices have it.
func withinText(seconds int) string {
	if seconds%3600 == 0 {
		return strconv.Itoa(seconds/3600) + "h"
	}
	return strconv.Itoa(seconds) + "s"
}

// Fields are the filter as a form has it.
func (q query) Fields() url.Values { return q.values }

// Hidden are the fields that the form of the list has no place for, with their names.
func (q query) Hidden() url.Values {
	values := url.Values{}
	for _, name := range []string{"status", "campaign", "user", "from", "before"} {
		if value := q.values.Get(name); value != "" {
			values.Set(name, value)
		}
	}
	return values
}

// Extra says what of a filter the form of the list does not show.
func (q query) Extra() string {
	var list []string
	for name, text := range map[string]string{"campaign": "of one campaign", "user": "of one user", "from": "created since a time", "before": "created before a time"} {
		if q.values.Has(name) {
			list = append(list, text)
		}
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// Words say which renders a filter means.
func (p *page) Words(f renders.Filter) (list []phrase) {
	add := func(name, value string) { list = append(list, phrase{name, value}) }
	if len(f.Statuses) > 0 {
		add("status", strings.Join(f.Statuses, ", "))
	}
	if f.Stage != "" {
		add("stage", f.Stage)
	}
	if len(f.Codes) > 0 {
		add("error code", strings.Join(f.Codes, ", "))
	}
	if f.Text != "" {
		add("text", "“"+f.Text+"”")
	}
	if f.Campaign != uuid.Nil {
		add("campaign", f.Campaign.String())
	}
	if f.User != uuid.Nil {
		add("user", f.User.String())
	}
	if !f.From.IsZero() {
		add("created since", p.At(f.From).Shown)
	}
	if !f.Before.IsZero() {
		add("created before", p.At(f.Before).Shown)
	}
	return list
}

// phrase is a part of a filter.
type phrase struct{ Name, Value string }

// with returns the address of the list with another value of a field.
func (q query) with(name, value string) string {
	values := url.Values{}
	for k, v := range q.values {
		values[k] = v
	}
	if values.Set(name, value); value == "" {
		values.Del(name)
	}
	return listAt(values)
}

// listAt is the address of the list with a filter.
func listAt(values url.Values) string { return at("/renders", values) }

// at is a path with a query, if there is one.
func at(path string, values url.Values) string {
	if len(values) == 0 {
		return path
	}
	return path + "?" + values.Encode()
}

// Withins are the choices of how far back the list goes.
func (query) Withins() []choice { return withins }

// Stages are the choices of a stage.
func (query) Stages() []string { return stageNames }
