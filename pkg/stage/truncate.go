package stage

import (
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
