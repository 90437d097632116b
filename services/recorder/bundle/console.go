package bundle

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/services/recorder/cdp"
	"github.com/loom-lite/loom-lite/services/recorder/internal/script"
)

const (
	// firstLines and lastLines are how many lines of the console are kept, maxLine how long each
	// may be, in bytes.
	firstLines, lastLines = 200, 800
	maxLine               = 1 << 10
)

// console is what was written to the page's console, by the page and by the browser.
type console struct {
	scrub *scrubber
	begin time.Time

	mu    sync.Mutex
	lines ends[line]
}

type line struct {
	at    time.Duration
	level string
	text  raw
	// place is the script or the resource that it is about, number the line in it; empty and 0
	// where there is none.
	place  raw
	number int
}

func newConsole(s *scrubber, begin time.Time) *console {
	return &console{scrub: s, begin: begin, lines: ends[line]{first: firstLines, last: lastLines}}
}

// watch listens to a page's session. Runtime and Log must be enabled.
func (c *console) watch(client *cdp.Client, session proto.TargetSessionID) {
	cdp.On(client, session, func(e *proto.RuntimeConsoleAPICalled) {
		l := line{level: string(e.Type), text: c.scrub.trim(arguments(e.Args), maxLine)}
		if e.StackTrace != nil && len(e.StackTrace.CallFrames) > 0 {
			at := e.StackTrace.CallFrames[0]
			l.place, l.number = c.scrub.trimURL(at.URL), at.LineNumber+1
		}
		c.add(l)
	})
	cdp.On(client, session, func(e *proto.RuntimeExceptionThrown) {
		d := e.ExceptionDetails
		text := d.Text
		if d.Exception != nil && d.Exception.Description != "" {
			text += " " + d.Exception.Description
		} else if d.Exception != nil {
			text += " " + d.Exception.Value.String()
		}
		level := "exception"
		if script.IsOwn(d) {
			level = "recorder" // not the page's own
		}
		c.add(line{level: level, text: c.scrub.trim(text, maxLine), place: c.scrub.trimURL(d.URL), number: d.LineNumber + 1})
	})
	cdp.On(client, session, func(e *proto.LogEntryAdded) {
		l := line{level: string(e.Entry.Level), text: c.scrub.trim(e.Entry.Text, maxLine), place: c.scrub.trimURL(e.Entry.URL)}
		if e.Entry.LineNumber != nil {
			l.number = *e.Entry.LineNumber + 1
		}
		c.add(l)
	})
}

// arguments writes what console.log was given on one line, objects by their description.
func arguments(list []*proto.RuntimeRemoteObject) string {
	texts := make([]string, 0, len(list))
	for _, a := range list {
		switch {
		case a.Type == proto.RuntimeRemoteObjectTypeString:
			texts = append(texts, a.Value.Str())
		case a.Description != "":
			texts = append(texts, a.Description)
		case a.UnserializableValue != "":
			texts = append(texts, string(a.UnserializableValue))
		case a.Type == proto.RuntimeRemoteObjectTypeUndefined:
			texts = append(texts, "undefined")
		default:
			texts = append(texts, a.Value.String())
		}
	}
	return strings.Join(texts, " ")
}

func (c *console) add(l line) {
	l.at = time.Since(c.begin)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines.add(l)
}

// write writes the lines, each with when it was written, in seconds since the recording began.
func (c *console) write(w io.Writer) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var err error
	show := func(lines []line) {
		for _, l := range lines {
			if err == nil {
				_, err = fmt.Fprintf(w, "%9.3f %-9s %s%s\n", l.at.Seconds(), l.level, c.scrub.clean(l.text, maxLine), c.where(l))
			}
		}
	}
	show(c.lines.begin())
	if c.lines.Dropped > 0 && err == nil {
		_, err = fmt.Fprintf(w, "… %d lines are left out …\n", c.lines.Dropped)
	}
	show(c.lines.end())
	return err
}

func (c *console) where(l line) string {
	if l.place.text == "" {
		return ""
	}
	place := c.scrub.clean(l.place, maxURL)
	if l.number > 0 {
		place = fmt.Sprintf("%s:%d", place, l.number)
	}
	return " (" + place + ")"
}

// counts returns how many lines are kept, and how many were left out.
func (c *console) counts() (kept, dropped int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.lines.head) + len(c.lines.tail), c.lines.Dropped
}
