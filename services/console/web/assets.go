package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"path"
	"strings"
)

//go:embed assets
var assets embed.FS

// asset is a file that pages load. Its name has a hash of its content, so browsers keep it forever.
type asset struct {
	name, kind string
	content    []byte
}

// files are the assets by the names that templates use, and served by the names that browsers do.
var files, served = load(map[string]string{
	"htmx.js": "assets/htmx/htmx.min.js", "sse.js": "assets/htmx/hx-sse.min.js", "loom.js": "assets/loom.js", "loom.css": "assets/loom.css",
	"icon.svg": "assets/icon.svg",
})

// kinds are the types of content. What the system says of extensions is not asked: browsers run no
// script that is called plain text.
var kinds = map[string]string{".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}

func load(paths map[string]string) (byName, byAddress map[string]asset) {
	byName, byAddress = map[string]asset{}, map[string]asset{}
	for name, file := range paths {
		content, err := assets.ReadFile(file)
		if err != nil {
			panic(err) // it is embedded
		}
		sum := sha256.Sum256(content)
		extension := path.Ext(name)
		a := asset{strings.TrimSuffix(name, extension) + "." + hex.EncodeToString(sum[:6]) + extension, kinds[extension], content}
		byName[name], byAddress[a.name] = a, a
	}
	return byName, byAddress
}

// asset serves a file of ours.
func (s *Server) asset(w http.ResponseWriter, r *http.Request) {
	a, found := served[r.PathValue("name")]
	if !found {
		s.fail(s.request(w, r), errNoPage)
		return
	}
	w.Header().Set("Content-Type", a.kind)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	_, _ = w.Write(a.content)
}
