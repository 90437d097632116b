package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/services/console/webhooks"
)

// deliveriesPage lists deliveries.
type deliveriesPage struct {
	Deliveries   []webhooks.Delivery
	Query        deliveryQuery
	Endpoints    []webhooks.Endpoint
	Older, First string
	// Now pins what is sent again to what was there.
	Now string
}

// Host names an endpoint to people.
func (d deliveriesPage) Host(id uuid.UUID) string {
	for _, e := range d.Endpoints {
		if e.ID == id {
			return hostOf(e.URL)
		}
	}
	return short(id)
}

// Resendable reports whether what matches can be sent again together.
func (d deliveriesPage) Resendable() bool { return d.Query.Bounded() && len(d.Deliveries) > 0 }

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return u.Host
}

// deliveries lists what was sent, and what is to be.
func (s *Server) deliveries(r *request) error {
	q, err := readDeliveries(r.URL.Query(), r.now)
	if err != nil {
		return err
	}
	var after *webhooks.Place
	if text := r.URL.Query().Get("after"); text != "" {
		at, id, _ := strings.Cut(text, "_")
		after = &webhooks.Place{}
		var wrong error
		after.At, err = time.Parse(time.RFC3339Nano, at)
		if after.ID, wrong = uuid.Parse(id); err != nil || wrong != nil {
			return errLostPage
		}
	}
	d := deliveriesPage{Query: q, Now: r.now.UTC().Format(time.RFC3339Nano)}
	if d.Deliveries, err = webhooks.Deliveries(r.Context(), s.cfg.DB, q.filter, after, perPage+1); err != nil {
		return err
	}
	if d.Endpoints, err = webhooks.Endpoints(r.Context(), s.cfg.DB, nil, mostEndpoints); err != nil {
		return err
	}
	if len(d.Deliveries) > perPage {
		d.Deliveries = d.Deliveries[:perPage]
		last := d.Deliveries[perPage-1]
		next := url.Values{"after": {last.CreatedAt.UTC().Format(time.RFC3339Nano) + "_" + last.ID.String()}}
		for name, value := range q.values {
			next[name] = value
		}
		d.Older = s.link("/deliveries?" + next.Encode())
	}
	if after != nil {
		d.First = s.link(at("/deliveries", q.values))
	}
	s.show(r, http.StatusOK, "deliveries", page{Title: "Deliveries", Nav: "webhooks", Live: after == nil, Data: d})
	return nil
}

// deliveryPage is one delivery.
type deliveryPage struct {
	webhooks.DeliveryInFull

	Host string
	// Disabled: the endpoint gets nothing.
	Disabled bool
	// Indented is the body as people read it.
	Indented string
}

// delivery shows what is sent, and what was answered.
func (s *Server) delivery(r *request) error {
	id, err := r.id()
	if err != nil {
		return err
	}
	var d deliveryPage
	if d.DeliveryInFull, err = webhooks.InFull(r.Context(), s.cfg.DB, id); err != nil {
		return noEndpoint(err)
	}
	e, err := webhooks.Get(r.Context(), s.cfg.DB, d.EndpointID)
	if err != nil {
		return noEndpoint(err)
	}
	d.Host, d.Disabled, d.Indented = hostOf(e.URL), e.DisabledAt != nil, indented([]byte(d.Body))
	s.show(r, http.StatusOK, "delivery", page{Title: d.Type, Nav: "webhooks", Live: true, Data: d})
	return nil
}

// resend sends deliveries again: one, or all that match a filter. It is bounded by when the page
// was made, so what came after it is not sent again unseen.
func (s *Server) resend(r *request) error {
	if err := r.ParseForm(); err != nil {
		return errUnreadableForm
	}
	if text := r.PostFormValue("id"); text != "" {
		id, err := uuid.Parse(text)
		if err != nil {
			return errUnreadableForm
		}
		if _, err := webhooks.InFull(r.Context(), s.cfg.DB, id); err != nil {
			return noEndpoint(err)
		}
		sent, err := webhooks.Resend(r.Context(), s.cfg.DB, webhooks.Filter{IDs: []uuid.UUID{id}})
		if err != nil {
			return noEndpoint(err)
		}
		notice := "It is sent again, with the same webhook-id."
		if sent == 0 {
			notice = "It is being sent right now, or its endpoint is disabled."
		}
		return r.redirect("/deliveries/"+id.String(), notice)
	}
	q, err := readDeliveries(r.PostForm, r.now)
	if err != nil {
		return err
	}
	if !q.Bounded() {
		return noEndpoint(webhooks.ErrEmptyFilter)
	}
	sent, err := webhooks.Resend(r.Context(), s.cfg.DB, q.filter)
	if err != nil {
		return noEndpoint(err)
	}
	q.values.Del("before")
	return r.redirect(at("/deliveries", q.values), fmt.Sprintf("%s sent again. What is under way is left, and so is what is for a disabled endpoint.", counted(sent, "delivery is", "deliveries are")))
}
