package campaign

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/loom-lite/loom-lite/pkg/schema"
)

// maxSize bounds a campaign file in bytes.
const maxSize = 1 << 20

// Campaign is a campaign file. Fields that are nil are for the app's defaults.
type Campaign struct {
	Name string
	// Facecam is the presenter's video; nil when there is none.
	Facecam *Ref
	Width   *int
	Height  *int
	FPS     *int
	// Rate is as msg.ParseRate reads it; it wins over FPS.
	Rate *string
	// Watermark is the picture over the video; nil when there is none.
	Watermark *Ref
	// Shown is how the facecam is shown, as JSON that options.ParseFacecam takes; nil when nothing
	// is asked.
	Shown json.RawMessage
	// Metadata is passed on to webhooks, a JSON object; nil when there is none.
	Metadata json.RawMessage
	// Variables are declared, as JSON that variables.Parse takes; nil when none is.
	Variables json.RawMessage
	// Scenes are in the order in which they are shown.
	Scenes []Scene
	// Dir is the absolute path of the file's folder, which local references are relative to.
	Dir string

	// output is output_options with the text of the captions' file in place of its path.
	output map[string]any
}

// Scene is a page and how long it is shown.
type Scene struct {
	Page Ref
	// Duration in whole seconds.
	Duration int
	// Options are the scene's options, as JSON that options.ParseScene takes; nil when
	// nothing is.
	Options json.RawMessage
}

// Local reports whether the campaign names files beside its own.
func (c *Campaign) Local() bool { return c.LocalPages() || c.LocalMedia() }

// LocalPages reports whether a page is one.
func (c *Campaign) LocalPages() bool {
	return slices.ContainsFunc(c.Scenes, func(s Scene) bool { return s.Page.Local() })
}

// LocalMedia reports whether the facecam or the watermark is one.
func (c *Campaign) LocalMedia() bool {
	return c.Facecam != nil && c.Facecam.Local() || c.Watermark != nil && c.Watermark.Local()
}

// text is the file's content.
type text struct {
	Name    *string `yaml:"name" json:"name"`
	Facecam *string `yaml:"facecam_url" json:"facecam_url"`
	Width   *int    `yaml:"output_width" json:"output_width"`
	Height  *int    `yaml:"output_height" json:"output_height"`
	FPS     *int    `yaml:"output_fps" json:"output_fps"`
	Rate    any     `yaml:"output_rate" json:"output_rate"`

	Output map[string]any `yaml:"output_options" json:"output_options"`
	Shown  map[string]any `yaml:"facecam_options" json:"facecam_options"`
	Meta   map[string]any `yaml:"metadata" json:"metadata"`
	Scenes []sceneText    `yaml:"scenes" json:"scenes"`

	Variables map[string]any `yaml:"variables" json:"variables"`
}

type sceneText struct {
	URL      string         `yaml:"url" json:"url"`
	HTML     string         `yaml:"html" json:"html"`
	Duration any            `yaml:"duration_sec" json:"duration_sec"`
	Options  map[string]any `yaml:"options" json:"options"`
}

// Load reads a campaign file. What is wrong with it is an *Error.
func Load(path string) (*Campaign, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("read campaign: %w", err)
	}
	data, err := read(abs)
	if err != nil {
		return nil, fmt.Errorf("read campaign: %w", err)
	}
	doc, err := parse(data)
	if err != nil {
		return nil, syntaxError(path, err)
	}
	problems, err := validate(data, doc, compiled)
	if err != nil {
		return nil, err
	}
	if len(problems) > 0 {
		return nil, &Error{Path: path, Problems: problems}
	}
	var t text
	if err := yaml.UnmarshalWithOptions(data, &t, yaml.Strict()); err != nil {
		return nil, syntaxError(path, err)
	}
	c, problems, err := t.resolve(abs, doc)
	if err != nil {
		return nil, err
	}
	if len(problems) > 0 {
		return nil, &Error{Path: path, Problems: problems}
	}
	return c, nil
}

func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err == nil && len(data) > maxSize {
		err = fmt.Errorf("%s is larger than %d bytes", path, maxSize)
	}
	return data, err
}

var errDocuments = errors.New("the file holds several documents (---): write one per file")

// parse returns the document's root.
func parse(data []byte) (ast.Node, error) {
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		return nil, err
	}
	var root ast.Node
	for _, doc := range file.Docs {
		switch {
		case doc.Body == nil || doc.Body.Type() == ast.CommentType:
		case root != nil:
			return nil, errDocuments
		default:
			root = doc.Body
		}
	}
	return root, nil
}

// resolve makes a campaign of what is written, and finds the files that it names.
func (t text) resolve(path string, doc ast.Node) (*Campaign, []Problem, error) {
	dir := filepath.Dir(path)
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("read campaign: %w", err)
	}
	defer root.Close()
	name := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	c, problems, err := t.complete(name, root, doc)
	if c != nil {
		c.Dir = dir
	}
	return c, problems, err
}

// complete makes a campaign of what is written. Files are below root; it is nil where none may be
// named. doc is the file's content, for line numbers, or nil.
func (t text) complete(name string, root *os.Root, doc ast.Node) (c *Campaign, problems []Problem, err error) {
	c = &Campaign{Name: name, Width: t.Width, Height: t.Height, FPS: t.FPS}
	if t.Name != nil {
		c.Name = *t.Name
	}
	if c.Variables, err = asJSON(t.Variables); err != nil {
		return nil, nil, fmt.Errorf("read variables: %w", err)
	}
	set, err := c.tried()
	if err != nil {
		return nil, nil, err
	}
	resolve := func(written string, page bool, location ...string) Ref {
		ref, err := resolveIn(set, root, written, page)
		if err != nil {
			problems = append(problems, placed(doc, schema.Problem{Location: location, Text: err.Error()}))
		}
		return ref
	}
	if t.Rate != nil {
		text := fmt.Sprint(t.Rate)
		c.Rate = &text
	}
	if c.output, err = t.withCaptions(root); err != nil {
		problems = append(problems, placed(doc, schema.Problem{Location: captionsFile, Text: err.Error()}))
	}
	if mark, ok := t.Output["watermark"].(map[string]any); ok {
		ref := resolve(fmt.Sprint(mark["url"]), false, "output_options", "watermark", "url")
		c.Watermark = &ref
	}
	if t.Facecam != nil {
		ref := resolve(*t.Facecam, false, "facecam_url")
		c.Facecam = &ref
	}
	for i, s := range t.Scenes {
		var page Ref
		place := fmt.Sprint(i)
		switch own := s.HTML != "" || s.Options["html"] != nil; {
		case own && s.URL == "":
			page = Ref{inline: true}
		case own:
			problems = append(problems, placed(doc, schema.Problem{Location: []string{"scenes", place, "url"}, Text: "there is html, too: leave one of them out"}))
			page = Ref{inline: true}
		case s.URL == "":
			problems = append(problems, placed(doc, schema.Problem{Location: []string{"scenes", place}, Text: "url is missing. The page: " + wantRef + ", or its html"}))
			page = Ref{inline: true}
		default:
			page = resolve(s.URL, true, "scenes", place, "url")
		}
		seconds, fields := s.duration(set)
		options, err := asJSON(fields)
		if err != nil {
			return nil, nil, fmt.Errorf("read the options of scene %d: %w", i+1, err)
		}
		c.Scenes = append(c.Scenes, Scene{Page: page, Duration: seconds, Options: options})
	}
	if c.Shown, err = asJSON(t.Shown); err != nil {
		return nil, nil, fmt.Errorf("read facecam_options: %w", err)
	}
	if c.Metadata, err = asJSON(t.Meta); err != nil {
		return nil, nil, fmt.Errorf("read metadata: %w", err)
	}
	if err := CheckMetadata(c.Metadata); err != nil {
		problems = append(problems, placed(doc, schema.Problem{Location: []string{"metadata"}, Text: err.Error()}))
	}
	wrong, err := c.check()
	if err != nil {
		return nil, nil, err
	}
	for _, p := range wrong {
		problems = append(problems, placed(doc, t.sceneField(t.inFile(p))))
	}
	slices.SortStableFunc(problems, func(a, b Problem) int { return a.Line - b.Line })
	return c, problems, nil
}

// asJSON returns a group of fields as JSON; nil when it has none.
func asJSON(fields map[string]any) (json.RawMessage, error) {
	if len(fields) == 0 {
		return nil, nil
	}
	return json.Marshal(fields)
}
