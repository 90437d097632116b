package options

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/loom-lite/loom-lite/pkg/grapheme"
	"github.com/loom-lite/loom-lite/pkg/scene"
)

// scroll checks a scroll against the scene's time.
func (c *checker) scroll(s scene.Scroll, duration time.Duration) {
	c.text([]string{"scroll", "to"}, s.To, "end, a CSS selector, or a number of CSS pixels")
	if y, err := strconv.ParseFloat(strings.TrimSpace(s.To), 64); err == nil && !(y >= 0 && y <= maxY) {
		c.at("scroll.to", "it must be a number of CSS pixels from 0 to %d, end, or a CSS selector. Example: 1200", maxY)
	}
	if s.Speed > 0 && s.Seconds > 0 {
		c.at("scroll.speed", "speed and seconds both say how fast it goes. Leave out one of them")
	}
	takes := s.DelaySeconds + s.Seconds + s.PauseSeconds
	if s.Back {
		takes += s.Seconds
	}
	if lasts := duration.Seconds(); takes > lasts {
		c.at("scroll", "it takes %s, but the scene lasts %s. Make delay_sec, seconds and pause_sec shorter, or the scene longer",
			spoken(takes), spoken(lasts))
	}
}

// maxY is the farthest that a page is scrolled, in CSS pixels.
const maxY = 1_000_000

// actions checks each action, and that they follow one another within the scene.
func (c *checker) actions(list []scene.Action, duration time.Duration) {
	started, ended, lasts := 0.0, 0.0, duration.Seconds()
	for i, a := range list {
		field := func(name string) []string { return []string{"actions", strconv.Itoa(i), name} }
		c.action(a, field)
		start := ended
		if a.At != nil {
			start = *a.At
			if start < started {
				c.add(field("at"), "it is before the action above, which is at %v. Write the actions in the order of their times", started)
			}
		}
		switch {
		case a.At != nil && start >= lasts:
			c.add(field("at"), "it is not within the scene, which lasts %s", spoken(lasts))
		case start+a.Seconds > lasts:
			c.add(field("seconds"), "the action would end after %s, but the scene lasts %s", spoken(start+a.Seconds), spoken(lasts))
		}
		started, ended = start, start+a.Seconds
	}
}

// uses says which fields each action has: those that it needs, and those that it may have.
var uses = map[string]struct{ needs, may []string }{
	"click":  {[]string{"selector"}, nil},
	"type":   {[]string{"text"}, []string{"selector"}},
	"hover":  {[]string{"selector"}, nil},
	"press":  {[]string{"key"}, []string{"selector"}},
	"scroll": {nil, []string{"selector", "y"}},
	"wait":   {[]string{"seconds"}, nil},
}

func (c *checker) action(a scene.Action, field func(string) []string) {
	given := map[string]bool{
		"selector": a.Selector != "", "text": a.Text != "", "key": a.Key != "", "y": a.Y != 0, "seconds": a.Seconds != 0,
	}
	use := uses[a.Do]
	for _, name := range use.needs {
		if !given[name] {
			c.add(field("do"), "%s needs %s", a.Do, name)
		}
	}
	for _, name := range []string{"selector", "text", "key", "y"} {
		if given[name] && !slices.Contains(use.needs, name) && !slices.Contains(use.may, name) {
			c.add(field(name), "%s means nothing to %s. Leave it out", name, a.Do)
		}
	}
	if a.Do == "scroll" && given["selector"] && given["y"] {
		c.add(field("y"), "selector and y both say where to scroll to. Leave out one of them")
	}
	if a.Do == "press" && given["key"] && !knownKey(a.Key) {
		c.add(field("key"), "this is no key that is known. Write one character, or a name such as Enter, Tab, Escape, Backspace, "+
			"ArrowDown, PageDown or F1")
	}
	c.text(field("selector"), a.Selector, "a CSS selector")
}

// spoken writes seconds with at most three decimals.
func spoken(seconds float64) string {
	unit := " seconds"
	if seconds == 1 {
		unit = " second"
	}
	return strconv.FormatFloat(math.Round(seconds*1000)/1000, 'f', -1, 64) + unit
}

// knownKey reports whether press knows a key: a name, or one character.
func knownKey(key string) bool {
	_, named := scene.NamedKeys[key]
	return named || grapheme.Count(key) == 1
}
