package campaign

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// Ref is what a url field names: something on the web, or a file beside the campaign's.
type Ref struct {
	// web is the URL as written; empty for a file.
	web string
	// file is the file's path below the campaign's folder, with slashes; suffix its query and
	// fragment.
	file, suffix string
	// inline says that it is neither: the page is among the scene's options.
	inline bool
}

// Local reports whether the reference is a file beside the campaign's.
func (r Ref) Local() bool { return r.web == "" && !r.inline }

// URL returns where the reference can be fetched. base is the URL, ending in a slash, that the
// campaign's folder is served at; it is not used for what is on the web.
func (r Ref) URL(base string) string {
	if !r.Local() {
		return r.web
	}
	escaped := (&url.URL{Path: r.file}).EscapedPath()
	return base + escaped + r.suffix
}

var scheme = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*:`)

const wantRef = "write an http or https URL, or the path of a file beside the campaign file"

// resolve reads a reference. Files are below root; when it is nil, none may be named. page says
// that it is a page, which may be a folder with an index.html.
func resolve(root *os.Root, written string, page bool) (Ref, error) {
	if found := scheme.FindString(written); found != "" {
		return webRef(written, strings.ToLower(found))
	}
	if strings.HasPrefix(written, "//") {
		return Ref{}, fmt.Errorf("%q has no scheme: write https:%s", written, written)
	}
	if root == nil {
		return Ref{}, fmt.Errorf("%q is not a complete URL: write an http or https URL, such as https://example.com/page", written)
	}
	if written != strings.TrimSpace(written) {
		return Ref{}, fmt.Errorf("%q starts or ends with a space: remove it", written)
	}
	// A file may have ? or # in its name; else they start the page's query or fragment.
	name, suffix := written, ""
	if _, err := root.Lstat(clean(written)); err != nil {
		if i := strings.IndexAny(written, "?#"); i >= 0 {
			name, suffix = written[:i], written[i:]
		}
	}
	file := clean(name)
	if path.IsAbs(name) || !filepath.IsLocal(filepath.FromSlash(file)) {
		return Ref{}, fmt.Errorf("%q is outside the campaign file's folder: move it there, or %s", written, wantRef)
	}
	for _, part := range strings.Split(file, "/") {
		if strings.HasPrefix(part, ".") && part != "." {
			return Ref{}, fmt.Errorf("%q is a hidden file, and hidden files are not served: rename it", written)
		}
	}
	if strings.HasSuffix(name, "/") || file == "." {
		file += "/" // keeps the page's relative links right
	}
	return Ref{file: strings.TrimPrefix(file, "./"), suffix: suffix}, checkFile(root, written, file, page)
}

const wantPage = "write an http or https URL, or the path of a page's file"

// Page reads a reference to a page that stands alone: a URL, or the path of a file or folder. dir
// is the folder that the file is in, which is to be served; empty for what is on the web.
func Page(written string) (ref Ref, dir string, err error) {
	if found := scheme.FindString(written); found != "" {
		if found = strings.ToLower(found); found != "http:" && found != "https:" {
			return Ref{}, "", fmt.Errorf("%q is neither an http nor an https URL: %s", written, wantPage)
		}
		ref, err = webRef(written, found)
		return ref, "", err
	}
	name, suffix := written, ""
	if _, err := os.Stat(written); err != nil {
		if i := strings.IndexAny(written, "?#"); i >= 0 {
			name, suffix = written[:i], written[i:]
		}
	}
	path, err := filepath.EvalSymlinks(name)
	if err == nil {
		path, err = filepath.Abs(path)
	}
	switch {
	case name == "" || errors.Is(err, fs.ErrNotExist):
		return Ref{}, "", fmt.Errorf("there is no file %q: %s", written, wantPage)
	case err != nil:
		return Ref{}, "", fmt.Errorf("%q cannot be read: %w", written, cause(err))
	}
	dir, file := filepath.Dir(path), filepath.Base(path)
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		dir, file = path, "./"
		if _, err := os.Stat(filepath.Join(dir, "index.html")); err != nil {
			return Ref{}, "", fmt.Errorf("there is no file %q: %s", filepath.Join(written, "index.html"), wantPage)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return Ref{}, "", fmt.Errorf("%q cannot be read: %w", written, cause(err))
	}
	defer root.Close()
	ref, err = resolve(root, file+suffix, true)
	return ref, dir, err
}

func clean(name string) string { return path.Clean(filepath.ToSlash(name)) }

func webRef(written, scheme string) (Ref, error) {
	if scheme != "http:" && scheme != "https:" {
		return Ref{}, fmt.Errorf("%q is neither an http nor an https URL: %s", written, wantRef)
	}
	u, err := url.Parse(written)
	if err != nil || u.Hostname() == "" {
		return Ref{}, fmt.Errorf("%q is not a complete URL: write one such as https://example.com/page", written)
	}
	if u.User != nil {
		return Ref{}, fmt.Errorf("the URL at %s holds a user name or password, which is not supported: leave it out", u.Host)
	}
	return Ref{web: written}, nil
}

func checkFile(root *os.Root, written, file string, page bool) error {
	info, err := root.Stat(strings.TrimSuffix(file, "/"))
	if err == nil && info.IsDir() && page {
		info, err = root.Stat(path.Join(file, "index.html"))
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no file %q: %s", written, wantRef)
	case err != nil:
		return fmt.Errorf("%q cannot be read (%w): it must be a file within the campaign file's folder", written, cause(err))
	case !info.Mode().IsRegular():
		return fmt.Errorf("%q is not a file: %s", written, wantRef)
	}
	return nil
}

// cause leaves out the operation and the path, which the message names in its own way.
func cause(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}
