package doctor

import (
	"context"
	"io/fs"
	"os/exec"
	"path/filepath"
	"strings"

	fontlist "github.com/loom-lite/loom-lite/pkg/fonts"
)

// fontDirs are where fonts lie when there is no fontconfig to ask.
var fontDirs = []string{"/usr/share/fonts", "/usr/local/share/fonts", "/System/Library/Fonts", "/Library/Fonts"}

var installFonts = "Debian, Ubuntu: apt-get install " + strings.Join(fontlist.Packages(), " ")

// fonts says whether pages have letters to be drawn with. What a font lacks is drawn as empty
// boxes.
func fonts(ctx context.Context) []Finding {
	const what = "Fonts"
	if _, err := exec.LookPath("fc-list"); err != nil {
		return []Finding{fontsByFile()}
	}
	lacking, err := fontlist.Lacking(ctx)
	if err != nil {
		return []Finding{{What: what, Verdict: Warning, Found: err.Error(), Mend: installFonts}}
	}
	switch len(lacking) {
	case 0:
		return []Finding{ok(what, "for all of %d scripts", len(fontlist.Scripts()))}
	case len(fontlist.Scripts()):
		return []Finding{{What: what, Verdict: Warning, Found: "none: text cannot be drawn", Mend: installFonts}}
	}
	return []Finding{{What: what, Verdict: Warning, Found: "drawn as boxes: " + strings.Join(lacking, ", "), Mend: installFonts}}
}

// fontsByFile counts font files.
func fontsByFile() Finding {
	n := 0
	for _, dir := range fontDirs {
		_ = filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			switch strings.ToLower(filepath.Ext(path)) {
			case ".ttf", ".otf", ".ttc", ".woff2":
				n++
			}
			return nil // a folder that cannot be read holds no fonts for us
		})
	}
	if n == 0 {
		return Finding{What: "Fonts", Verdict: Warning, Found: "none: text cannot be drawn", Mend: installFonts}
	}
	return ok("Fonts", "%d files", n)
}
