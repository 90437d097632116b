package share

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"os"
	"strings"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// Video is what a page's template is given.
type Video struct {
	// Title and Description are the campaign's; they may be empty.
	Title, Description string
	// PageURL is where the page itself will be.
	PageURL string
	// VideoURL, ThumbURL and PreviewURL are those in the render's row. PreviewURL is empty when no
	// preview was made.
	VideoURL, ThumbURL, PreviewURL string
	// CaptionsURL is a WebVTT file, empty when there are no captions. Language is a language tag
	// for them; empty: it is not known.
	CaptionsURL, Language string
	Width, Height         int
	Seconds               float64
}

//go:embed page.html
var usual string

// Page is a template.
type Page struct{ template *template.Template }

// maxTemplate bounds a template's file in bytes.
const maxTemplate = 1 << 20

// Load reads the template in the file at path, or else the one that is built in, and makes sure
// that it can be used.
func Load(path string) (*Page, error) {
	text := usual
	if path != "" {
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer func() { _ = file.Close() }()
		data, err := io.ReadAll(io.LimitReader(file, maxTemplate+1))
		if err != nil {
			return nil, err
		}
		if len(data) > maxTemplate {
			return nil, fmt.Errorf("%s has more than %d bytes", path, maxTemplate)
		}
		text = string(data)
	}
	t, err := template.New("page").Parse(text)
	if err != nil {
		return nil, err
	}
	p := &Page{t}
	for _, v := range []Video{{}, {
		Title: "Title", Description: "Text", PageURL: "https://example.com/p", VideoURL: "https://example.com/v", ThumbURL: "https://example.com/t",
		PreviewURL: "https://example.com/g", CaptionsURL: "https://example.com/c", Language: "en", Width: 1920, Height: 1080, Seconds: 1,
	}} {
		if _, err := p.Make(v); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// Make writes the page of a video.
func (p *Page) Make(v Video) ([]byte, error) {
	var b bytes.Buffer
	if err := p.template.Execute(&b, v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// escaped are the characters that WebVTT gives a meaning.
var escaped = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\r", "")

// WebVTT writes captions for a page's player.
func WebVTT(captions []msg.Caption) []byte {
	var b bytes.Buffer
	b.WriteString("WEBVTT\n")
	for _, c := range captions {
		fmt.Fprintf(&b, "\n%s --> %s\n", clock(c.From), clock(c.To))
		// An empty line would end the cue.
		for line := range strings.SplitSeq(escaped.Replace(c.Text), "\n") {
			if strings.TrimSpace(line) != "" {
				b.WriteString(line + "\n")
			}
		}
	}
	return b.Bytes()
}

func clock(at msg.Duration) string {
	d := time.Duration(at).Round(time.Millisecond)
	return fmt.Sprintf("%02d:%02d:%02d.%03d", d/time.Hour, d/time.Minute%60, d/time.Second%60, d/time.Millisecond%1000)
}
