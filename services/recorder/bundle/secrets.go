package bundle

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/redact"
)

// hidden replaces a secret.
const hidden = "[secret]"

const (
	// wordLen is the length in bytes up to which a secret is only replaced as a whole word: a
	// cookie's "1" is in everything.
	wordLen = 3
	// tokenLen is the length from which a part of the page's URL counts as a secret: a shorter one
	// gives no access.
	tokenLen = 8
)

// scrubber takes secrets out of texts.
type scrubber struct {
	replace *strings.Replacer
	words   []string
	// longest is the length of the longest secret, in bytes.
	longest int
}

// newScrubber returns a scrubber that knows a scene's secrets in the forms in which they may
// appear.
func newScrubber(p msg.RecordParams) *scrubber {
	return scrubberOf(secrets(p))
}

// Private returns a function that takes the values of the scene's variables out of a text.
func Private(p msg.RecordParams) func(text string) string {
	s := scrubberOf(p.Private)
	return func(text string) string {
		text = s.replace.Replace(text)
		for _, word := range s.words {
			text = replaceWord(text, word)
		}
		return text
	}
}

func scrubberOf(secrets []string) *scrubber {
	s := &scrubber{}
	var pairs []string
	for _, secret := range secrets {
		for _, form := range forms(secret) {
			s.longest = max(s.longest, len(form))
			if len(form) <= wordLen {
				s.words = append(s.words, form)
			} else {
				pairs = append(pairs, form)
			}
		}
	}
	// The longest first: a Replacer takes the first that matches, and one secret may be the start
	// of another.
	slices.SortFunc(pairs, func(a, b string) int { return len(b) - len(a) })
	var list []string
	for _, form := range slices.Compact(pairs) {
		list = append(list, form, hidden)
	}
	s.replace = strings.NewReplacer(list...)
	return s
}

// secrets lists the values that must not be shown, without empty ones.
func secrets(p msg.RecordParams) []string {
	o := p.Options
	var list []string
	for _, value := range o.Headers {
		list = append(list, value)
		// "Bearer abc": the page may repeat the second part alone.
		list = append(list, slices.DeleteFunc(strings.Fields(value), func(s string) bool { return len(s) < tokenLen })...)
	}
	for _, c := range o.Cookies {
		list = append(list, c.Value)
	}
	if a := o.BasicAuth; a != nil {
		both := a.Username + ":" + a.Password
		list = append(list, a.Username, a.Password, both,
			strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(both)), "="))
	}
	for _, a := range o.Actions {
		list = append(list, a.Text)
	}
	list = append(list, p.Private...)
	list = append(list, tokens(p.URL)...)
	return slices.DeleteFunc(list, func(s string) bool { return strings.TrimSpace(s) == "" })
}

// tokens lists the parts of a page's URL that may give access. No text shows them.
func tokens(address string) []string {
	u, err := url.Parse(address)
	if err != nil {
		return nil
	}
	list := []string{u.Fragment}
	for _, values := range u.Query() {
		list = append(list, values...)
	}
	password, _ := u.User.Password()
	return slices.DeleteFunc(append(list, password), func(s string) bool { return len(s) < tokenLen })
}

// forms lists how a secret may be written: as it is, in a URL, in JSON.
func forms(secret string) []string {
	list := []string{secret, strings.TrimSpace(secret), url.QueryEscape(secret), url.PathEscape(secret)}
	if quoted, err := json.Marshal(secret); err == nil {
		list = append(list, strings.Trim(string(quoted), `"`))
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// raw is a text, or its beginning, that may hold secrets.
type raw struct {
	text string
	cut  bool
}

// trim keeps as much of a text as clean needs for limit bytes. It is cheap, since most texts are
// never shown.
func (s *scrubber) trim(text string, limit int) raw {
	most := limit + s.longest
	if len(text) <= most {
		return raw{text: text}
	}
	return raw{text: strings.Clone(text[:most]), cut: true}
}

// clean takes the users, queries and fragments of URLs and the secrets out of a text, and cuts it
// to limit bytes.
func (s *scrubber) clean(r raw, limit int) string {
	text := s.replace.Replace(r.text)
	for _, word := range s.words {
		text = replaceWord(text, word)
	}
	if r.cut {
		// The cut may be in the middle of a secret, whose beginning was not replaced.
		text = text[:max(0, len(text)-s.longest)]
	}
	text = printable(redact.Foreign(text))
	if len(text) > limit {
		text, r.cut = text[:limit], true
	}
	text = strings.ToValidUTF8(text, "")
	if r.cut {
		text += "…"
	}
	return text
}

// text trims and cleans a text.
func (s *scrubber) text(text string, limit int) string { return s.clean(s.trim(text, limit), limit) }

// maxURL bounds a URL in bytes.
const maxURL = 1 << 10

// trimURL keeps the part of a URL that may be shown. It does not parse it: pages request URLs that
// Go does not accept.
func (s *scrubber) trimURL(address string) raw {
	if strings.HasPrefix(address, "data:") {
		address, _, _ = strings.Cut(address[:min(len(address), 100)], ",")
	}
	address, _, _ = strings.Cut(address, "#")
	address, _, _ = strings.Cut(address, "?")
	return s.trim(address, maxURL)
}

// Address returns the part of a requested address that may be shown: without user, query and
// fragment, and without the scene's secrets.
func Address(p msg.RecordParams, address string) string {
	s := newScrubber(p)
	return s.clean(s.trimURL(address), maxURL)
}

// replaceWord hides word where neither a letter nor a digit is beside it.
func replaceWord(text, word string) string {
	var out strings.Builder
	for {
		i := strings.Index(text, word)
		if i < 0 {
			out.WriteString(text)
			return out.String()
		}
		before, after := text[:i], text[i+len(word):]
		out.WriteString(before)
		if endsInWord(before) || startsWithWord(after) {
			out.WriteString(word)
		} else {
			out.WriteString(hidden)
		}
		text = after
	}
}

func endsInWord(s string) bool     { return s != "" && wordByte(s[len(s)-1]) }
func startsWithWord(s string) bool { return s != "" && wordByte(s[0]) }

func wordByte(b byte) bool {
	return b >= 0x80 || unicode.IsLetter(rune(b)) || unicode.IsDigit(rune(b)) || b == '_'
}

// printable removes control characters, and indents the lines after the first.
func printable(text string) string {
	text = strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && unicode.IsControl(r) {
			return -1
		}
		return r
	}, text)
	return strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n\t")
}
