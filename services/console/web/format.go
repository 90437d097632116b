package web

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// functions are what templates call that needs no request.
var functions = template.FuncMap{
	"number": number, "lasted": lasted, "bytes": size, "short": short, "percent": percent, "status": statusOf, "words": words,
	"add": func(a, b int) int { return a + b }, "clip": clip, "deref": deref, "named": named, "place": place,
	"ratio": func(a, b int) int { return percent(float64(a) / float64(max(b, 1))) },
}

// number groups a number's digits by threes.
func number(n int) string {
	text := strconv.Itoa(n)
	sign := ""
	if strings.HasPrefix(text, "-") {
		sign, text = "-", text[1:]
	}
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "\u202f" + text[i:]
	}
	return sign + text
}

// counted is a number with what it is of.
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + many
}

// lasted is a duration in its two largest units.
func lasted(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d m %02d s", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %02d m", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d d %d h", int(d.Hours())/24, int(d.Hours())%24)
}

// size is a number of bytes.
func size(n int64) string {
	const unit = 1000
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	value, names := float64(n)/unit, []string{"kB", "MB", "GB", "TB"}
	for value >= unit && len(names) > 1 {
		value, names = value/unit, names[1:]
	}
	return fmt.Sprintf("%.1f %s", value, names[0])
}

// short is enough of an id for people.
func short(id uuid.UUID) string { return id.String()[:8] }

// percent is a share of one as whole hundredths.
func percent(share float64) int { return int(min(max(share, 0), 1)*100 + 0.5) }

// words are a name of the API's as people read it.
func words(name string) string { return strings.ReplaceAll(name, "_", " ") }

// place is how many renders are begun before a queued one.
func place(before int) string {
	if before == 0 {
		return "the next"
	}
	return number(before) + " before it"
}

// clip is a text's first runes.
func clip(most int, text string) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return string(runes[:most-1]) + "…"
}

// named is a campaign's name. One without is called so.
func named(name *string) string {
	if name := deref(name); name != "" {
		return name
	}
	return "(no name)"
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// moment is a time as a page shows it.
type moment struct {
	// Machine is for the attribute datetime, Shown is what is read, and Exact what hovering shows.
	Machine, Shown, Exact string
}

func (r *request) moment(t time.Time, shown string) moment {
	return moment{t.UTC().Format(time.RFC3339Nano), shown, t.In(r.zone).Format("Mon 2 Jan 2006, 15:04:05.000 MST")}
}

// At is a time of day, with the date when that is not today's.
func (p *page) At(t time.Time) moment {
	local, now := t.In(p.zone), p.now.In(p.zone)
	layout := "2 Jan 2006, 15:04"
	switch {
	case local.Year() == now.Year() && local.YearDay() == now.YearDay():
		layout = "15:04:05"
	case local.Year() == now.Year():
		layout = "2 Jan, 15:04"
	}
	return p.moment(t, local.Format(layout))
}

// Ago is how long ago a time was, and its date when that was long ago.
func (p *page) Ago(t time.Time) moment {
	since := p.now.Sub(t)
	switch {
	case since < 5*time.Second:
		return p.moment(t, "now")
	case since < time.Minute:
		return p.moment(t, fmt.Sprintf("%d s ago", int(since.Seconds())))
	case since < time.Hour:
		return p.moment(t, fmt.Sprintf("%d min ago", int(since.Minutes())))
	case since < 24*time.Hour:
		return p.moment(t, fmt.Sprintf("%d h ago", int(since.Hours())))
	}
	return p.At(t)
}

// Past reports whether a time is over; none is not.
func (p *page) Past(t *time.Time) bool { return t != nil && t.Before(p.now) }

// Since is how long something has lasted.
func (p *page) Since(t time.Time) string { return lasted(p.now.Sub(t)) }

// mark is how a status looks.
type mark struct{ Name, Class string }

// statusOf is the mark of a render's status, a task's state or an attempt's outcome.
func statusOf(status string) mark {
	class := "run"
	switch status {
	case "queued", "waiting", "due", "stopped", "discarded", "handed_back", "pending":
		class = "wait"
	case "done", "delivered", "replayed":
		class = "done"
	case "failed", "lapsed", "dead":
		class = "fail"
	case "cancelled", "aborted":
		class = "off"
	}
	return mark{words(status), class}
}
