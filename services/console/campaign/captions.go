package campaign

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"unicode/utf8"

	"github.com/loom-lite/loom-lite/pkg/schema"
)

// captionsFile is where a campaign file has the path of the captions' file.
var captionsFile = []string{"output_options", "captions", "file"}

// captions returns the path of the file that captions are read from; empty when there is none.
func (t text) captions() string {
	captions, _ := t.Output["captions"].(map[string]any)
	file, _ := captions["file"].(string)
	return file
}

// withCaptions returns output_options with the text of the captions' file in place of its path.
// When the file cannot be read, it returns them without captions.
func (t text) withCaptions(root *os.Root) (map[string]any, error) {
	captions, _ := t.Output["captions"].(map[string]any)
	file, ok := captions["file"].(string)
	if !ok {
		return t.Output, nil
	}
	rest := maps.Clone(t.Output)
	delete(rest, "captions")
	if _, both := captions["text"]; both {
		return rest, errors.New("there is also a text: write only one of them")
	}
	if root == nil {
		return rest, errors.New(noFile)
	}
	said, err := readCaptions(root, file)
	if err != nil {
		return rest, err
	}
	captions = with(captions, "text", said)
	delete(captions, "file")
	return with(rest, "captions", captions), nil
}

// with returns a copy of a group of fields with one of them set.
func with(fields map[string]any, name string, value any) map[string]any {
	fields = maps.Clone(fields)
	fields[name] = value
	return fields
}

// noFile is said of a path where none may be.
const noFile = "no file may be named here: write what it holds as text"

const wantCaptions = "write the path of an SRT or WebVTT file beside the campaign file"

// readCaptions reads a file of captions.
func readCaptions(root *os.Root, written string) (string, error) {
	name := clean(written)
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return "", fmt.Errorf("%q is outside the campaign file's folder: move it there, or %s", written, wantCaptions)
	}
	info, err := root.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("there is no file %q: %s", written, wantCaptions)
	case err != nil:
		return "", fmt.Errorf("%q cannot be read (%w): it must be a file within the campaign file's folder", written, cause(err))
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("%q is not a file: %s", written, wantCaptions)
	}
	file, err := root.Open(name)
	if err != nil {
		return "", fmt.Errorf("%q cannot be read: %w", written, cause(err))
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxSize+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("%q cannot be read: %w", written, cause(err))
	case len(data) > maxSize:
		return "", fmt.Errorf("%q is larger than %d bytes", written, maxSize)
	case !utf8.Valid(data):
		return "", fmt.Errorf("%q is not UTF-8: save it as that", written)
	}
	return string(data), nil
}

// inFile says that what is wrong with the captions' text is wrong in their file.
func (t text) inFile(p schema.Problem) schema.Problem {
	file := t.captions()
	if file == "" || !slices.Equal(p.Location, []string{"output_options", "captions", "text"}) {
		return p
	}
	return schema.Problem{Location: captionsFile, Text: fmt.Sprintf("%q: %s", file, p.Text)}
}
