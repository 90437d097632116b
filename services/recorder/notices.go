package recorder

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/loom-lite/loom-lite/pkg/fonts"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/services/recorder/bundle"
	"github.com/loom-lite/loom-lite/services/recorder/capture"
	"github.com/loom-lite/loom-lite/services/recorder/capture/assets"
)

// noticed tells the render's owner what is wrong with a page that was recorded all the same.
func noticed(p msg.RecordParams, n capture.Notices) (warnings []msg.Warning) {
	warn := func(code msg.Code, format string, args ...any) {
		warnings = append(warnings, msg.Warning{Code: code, Scene: p.Scene, Message: fmt.Sprintf(format, args...)})
	}
	if n.Sounds {
		warn(msg.CodeSceneInexact, "Scene %d shows a video whose sound could not be left out while it was recorded: its picture may move "+
			"unevenly, or too slowly. Take the sound out of the file.", p.Scene)
	}
	if !n.Lacking.None() {
		warn(msg.CodePageIncomplete, "Scene %d shows a page that is not all there: %s. The first was %s (%s). Check that the page works in "+
			"a private window.", p.Scene, lacking(n.Lacking), bundle.Address(p, n.Lacking.First), why(n.Lacking.Why))
	}
	if n.Blank {
		warn(msg.CodePageBlank, "Scene %d shows one colour, or nothing but something small without words, as pages do that are loading, from "+
			"its first frame to its last. Check that the page shows itself to new visitors; if it takes its time, let the scene wait_for what it "+
			"is to show.", p.Scene)
	}
	if n.Boxes != "" {
		warn(msg.CodeFontsMissing, "Scene %d shows text that the recorder has no font for, as empty boxes: %s. Install fonts for it where "+
			"scenes are recorded, or let the page bring its own.", p.Scene, scripts(n.Boxes))
	}
	return warnings
}

// lacking counts what is.
func lacking(l assets.Lacking) string {
	var parts, said []string
	for _, c := range []struct {
		n    int
		name string
	}{{l.Scripts, "script"}, {l.Styles, "stylesheet"}, {l.Fonts, "font"}} {
		if c.n > 0 {
			parts = append(parts, count(c.n, c.name))
		}
	}
	if len(parts) > 0 {
		said = append(said, and(parts)+" of its own could not be loaded")
	}
	if l.Errors > 0 {
		said = append(said, "its scripts ended with "+count(l.Errors, "error")+" while it loaded")
	}
	return strings.Join(said, ", and ")
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func and(list []string) string {
	last := len(list) - 1
	if last == 0 {
		return list[0]
	}
	return strings.Join(list[:last], ", ") + " and " + list[last]
}

// why says what became of a part.
func why(reason string) string {
	status, err := strconv.Atoi(reason)
	if err != nil {
		return strings.TrimPrefix(reason, "net::")
	}
	return strings.TrimSpace(reason + " " + http.StatusText(status))
}

// maxScripts bounds the scripts that a message names.
const maxScripts = 8

// scripts names the ways of writing that characters are of, those with most of them first.
func scripts(characters string) string {
	counts := map[string]int{}
	for _, c := range characters {
		counts[fonts.Name(c)]++
	}
	var names []string
	for name := range counts {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(counts[b]-counts[a], strings.Compare(a, b)) })
	if more := len(names) - maxScripts; more > 0 {
		names = append(names[:maxScripts], fmt.Sprintf("%d more", more))
	}
	return and(names)
}

// strictly is the failure of a scene that has a warning which is not to be let pass. Nothing is
// tried again: the page would be the same.
func strictly(p msg.RecordParams, warnings []msg.Warning) error {
	if w := strictWarning(p, warnings); w != nil {
		return stage.Permanent(w.Code, w.Message, errors.New("a warning that the scene's option strict names"))
	}
	return nil
}

// strictWarning is the first warning that fails the scene; nil if none does.
func strictWarning(p msg.RecordParams, warnings []msg.Warning) *msg.Warning {
	for i, w := range warnings {
		if slices.Contains(p.Options.Strict, string(w.Code)) {
			return &warnings[i]
		}
	}
	return nil
}
