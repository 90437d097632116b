package stage

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// Lengths in bytes of what goes into a result, whose limit is msg.MaxSize.
const (
	maxMessage = 1 << 10
	maxDetail  = 8 << 10
	maxFacts   = msg.MaxSize / 2
)

var (
	userinfo  = regexp.MustCompile(`([a-zA-Z][a-zA-Z0-9+.-]*://)[^/\s@"'<>]*@`)
	query     = regexp.MustCompile(`(https?://[^\s"'<>?]*)\?[^\s"'<>]*`)
	signature = regexp.MustCompile(`(?i)(X-Amz-[A-Za-z-]+)(=|%3D)[^&\s"'<>]*`)
)

// scrub takes out of an error's text what may give access: the queries and passwords of URLs, and
// signatures.
func scrub(text string) string {
	text = userinfo.ReplaceAllString(text, "$1")
	text = query.ReplaceAllString(text, "$1?…")
	return scrubSignatures(text)
}

// scrubSignatures is for words to the user, whose own page's URL may have a query that tells two
// scenes apart.
func scrubSignatures(text string) string {
	return signature.ReplaceAllString(text, "$1=…")
}

// truncate cuts the middle out of a text that is too long: errors begin with the operation and end
// with the cause.
func truncate(text string, limit int) string {
	text = strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", ""), "�")
	const gap = "\n…\n"
	if len(text) <= limit {
		return text
	}
	head, tail := limit/3, len(text)-(limit-limit/3-len(gap))
	for !utf8.RuneStart(text[head]) {
		head--
	}
	for !utf8.RuneStart(text[tail]) {
		tail++
	}
	return text[:head] + gap + text[tail:]
}
