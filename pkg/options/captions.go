package options

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"

	"github.com/loom-lite/loom-lite/pkg/budget"
	"github.com/loom-lite/loom-lite/pkg/output"
	"github.com/loom-lite/loom-lite/pkg/schema"
)

// Language returns the language of captions as MP4 has it: three letters, those of ISO 639-2/T
// where it has some ("deu"). It is empty when none is written, or no language is known by that
// name.
func Language(c *output.Captions) string {
	if c == nil {
		return ""
	}
	tag, err := language.Parse(c.Language)
	base, sure := tag.Base()
	if err != nil || sure != language.Exact {
		return ""
	}
	return base.ISO3()
}

// Cues reads the captions; nil has none. What is wrong with them, their language included, is a
// *schema.Error.
func Cues(c *output.Captions) ([]output.Cue, error) {
	if c == nil {
		return nil, nil
	}
	cues, err := readCues(c.Text)
	if err != nil {
		return nil, schema.Wrong(outputName, schema.Problem{Location: []string{"captions", "text"}, Text: err.Error()})
	}
	if c.Language != "" && Language(c) == "" {
		return nil, schema.Wrong(outputName, schema.Problem{Location: []string{"captions", "language"},
			Text: "this is no language that is known. Write a BCP 47 tag or an ISO 639 code. Example: de"})
	}
	return cues, nil
}

// timing is the line of a cue that says when it is shown, in SRT (00:00:01,500 --> …) and in WebVTT
// (00:01.500 --> … and settings).
var timing = regexp.MustCompile(`^\s*(?:(\d{1,3}):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})\s*-->\s*(?:(\d{1,3}):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})(?:\s.*)?$`)

// tag is markup within a text, such as <i> and <v Speaker> and SRT's {\an8}.
var tag = regexp.MustCompile(`</?[A-Za-z0-9:.][^<>]*>|\{\\[^{}]*\}`)

// readCues reads SRT and WebVTT. It skips blocks of lines without a timing: a number alone, NOTE,
// STYLE, the head of a file.
func readCues(text string) ([]output.Cue, error) {
	text = strings.TrimPrefix(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text), "\ufeff")
	var cues []output.Cue
	bytes := 0
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		if !strings.Contains(lines[i], "-->") {
			continue
		}
		from, to, err := readTiming(lines[i])
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		var said []string
		for i++; i < len(lines) && strings.TrimSpace(lines[i]) != ""; i++ {
			said = append(said, strings.TrimSpace(unescape.Replace(tag.ReplaceAllString(lines[i], ""))))
		}
		if text := strings.TrimSpace(strings.Join(said, "\n")); text != "" {
			cues = append(cues, output.Cue{From: from, To: to, Text: text})
		}
		if len(cues) > budget.Cues {
			return nil, fmt.Errorf("line %d: there are more than %d captions", i+1, budget.Cues)
		}
		written, err := json.Marshal(strings.Join(said, "\n"))
		if bytes += len(written) + len(`{"from_ms":,"to_ms":,"text":},`) + 2*8; err != nil || bytes > budget.CueBytes {
			return nil, fmt.Errorf("line %d: the captions are too long: they may have %d kB together", i+1, budget.CueBytes>>10)
		}
	}
	if len(cues) == 0 {
		return nil, fmt.Errorf("there is no caption in it: write SRT or WebVTT, with lines such as 00:00:01,000 --> 00:00:03,500 and the text below")
	}
	slices.SortStableFunc(cues, func(a, b output.Cue) int { return int(a.From - b.From) })
	return cues, nil
}

var unescape = strings.NewReplacer("&amp;", "&", "&lt;", "<", "&gt;", ">", "&nbsp;", "\u00a0", "&lrm;", "", "&rlm;", "")

func readTiming(line string) (from, to time.Duration, err error) {
	m := timing.FindStringSubmatch(line)
	if m == nil {
		return 0, 0, fmt.Errorf("%q is not a time such as 00:00:01,000 --> 00:00:03,500", strings.TrimSpace(line[:min(len(line), 60)]))
	}
	from, to = clock(m[1:5]), clock(m[5:9])
	if to <= from {
		return 0, 0, fmt.Errorf("it ends at %s, and begins at %s", to, from)
	}
	return from, to, nil
}

// clock reads hours, minutes, seconds and a fraction.
func clock(parts []string) time.Duration {
	n := func(s string) int {
		v, _ := strconv.Atoi(s)
		return v
	}
	ms := ((n(parts[0])*60+n(parts[1]))*60+n(parts[2]))*1000 + n((parts[3] + "00")[:3])
	return time.Duration(ms) * time.Millisecond
}
