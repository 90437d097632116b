package web

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/loom-lite/loom-lite/services/console/audit"
)

// auditPage is the page of the audit log.
type auditPage struct {
	Entries []auditEntry
	Filter  audit.Filter
	Within  string
	// Older is the address of the next page, and First that of the first; empty when this is it.
	Older, First string
}

// auditEntry is a row of it.
type auditEntry struct {
	audit.Entry

	// Page is the address of what was changed, and By that of the log of who did it.
	Page, By string
}

// Empty reports whether all entries are meant.
func (d auditPage) Empty() bool { return d.Filter == audit.Filter{} }

// Withins are the choices of how far back the log goes.
func (auditPage) Withins() []choice { return withins }

// audit shows who has changed what.
func (s *Server) audit(r *request) error {
	q := r.URL.Query()
	d := auditPage{Within: q.Get("within"), Filter: audit.Filter{
		Actor: strings.TrimSpace(q.Get("actor")), Action: strings.TrimSpace(q.Get("action")), Target: strings.TrimSpace(q.Get("target")),
	}}
	back, err := readWithin(d.Within)
	if err != nil {
		return err
	}
	if back > 0 {
		d.Filter.From = r.now.Add(-back)
	}
	after := int64(0)
	if text := q.Get("after"); text != "" {
		if after, err = strconv.ParseInt(text, 10, 64); err != nil || after < 1 {
			return errLostPage
		}
	}
	list, err := audit.List(r.Context(), s.cfg.DB, d.Filter, after, perPage+1)
	if err != nil {
		return err
	}
	if len(list) > perPage {
		list = list[:perPage]
		q.Set("after", strconv.FormatInt(list[perPage-1].ID, 10))
		d.Older = s.link(at("/audit", q))
	}
	if q.Del("after"); after > 0 {
		d.First = s.link(at("/audit", q))
	}
	for _, e := range list {
		d.Entries = append(d.Entries, auditEntry{e, s.pageOf(e.Target), s.link("/audit?" + url.Values{"actor": {e.Actor}}.Encode())})
	}
	s.show(r, http.StatusOK, "audit", page{Title: "Audit log", Nav: "audit", Live: after == 0, Data: d})
	return nil
}

// pageOf is the address of the page of what was changed; empty when it has none.
func (s *Server) pageOf(target string) string {
	kind, id, _ := strings.Cut(target, "/")
	switch kind {
	case "render":
		return s.link("/renders/" + id)
	case "bulk":
		return s.link("/bulk/" + id)
	case "preflight":
		return s.link("/preflights/" + id)
	case "webhook_endpoint":
		return s.link("/webhooks/" + id)
	case "stage":
		return s.link("/stages")
	}
	return ""
}

// Said is what else there is to say of a change, as people read it.
func (e auditEntry) Said() string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(e.Detail)) {
		value := e.Detail[name]
		if value == nil {
			continue
		}
		text, isText := value.(string)
		if !isText {
			encoded, err := json.Marshal(value)
			if err != nil {
				continue
			}
			text = string(encoded)
		}
		list = append(list, fmt.Sprintf("%s: %s", words(name), text))
	}
	return strings.Join(list, ", ")
}
