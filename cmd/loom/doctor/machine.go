package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	browser "github.com/loom-lite/loom-lite/services/recorder/chrome"
)

// Free space in bytes below which there is a warning, and below which nothing can work.
const (
	spaceWarning = 5 << 30
	spaceMissing = 512 << 20
)

// disk looks at the space for data and for scratch files.
func disk(environ map[string]string, dir string) []Finding {
	scratch := environ["WORK_DIR"]
	if scratch == "" {
		scratch = os.TempDir()
	}
	return []Finding{space("Disk for loom up's data", dir), space("Disk for scratch files", scratch)}
}

// space looks at the file system that path is, or will be, on.
func space(what, path string) Finding {
	for {
		_, err := os.Stat(path)
		if err == nil || path == filepath.Dir(path) {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return missing(what, err, "make the folder accessible")
		}
		path = filepath.Dir(path)
	}
	var st syscall.Statfs_t
	if err := syscall.Statfs(path, &st); err != nil {
		return missing(what, fmt.Errorf("%s: %w", path, err), "make the folder accessible")
	}
	return judgeSpace(what, path, uint64(st.Bavail)*uint64(st.Bsize))
}

func judgeSpace(what, path string, free uint64) Finding {
	f := ok(what, "%.1f GB free at %s", float64(free)/1e9, path)
	switch {
	case free < spaceMissing:
		f.Verdict, f.Mend = Missing, "free some space, or choose another folder with --data and WORK_DIR"
	case free < spaceWarning:
		f.Verdict, f.Mend = Warning, "a minute of 1080p can take several hundred MB while it is rendered: free some space"
	}
	return f
}

// asksForHugePages reports whether a recorder of this program has Chrome ask for them.
func asksForHugePages(environ map[string]string) bool {
	return browser.HugePages(environ["RECORDER_HUGE_PAGES"]) != ""
}

// hugePages looks at settings of Linux that make Chrome's screenshots cheaper. Elsewhere there is
// nothing to say. asked is that Chrome asks for huge pages, for which "madvise" is enough.
func hugePages(dir string, asked bool) []Finding {
	const what = "Transparent huge pages"
	var bad []string
	for _, name := range []string{"enabled", "shmem_enabled"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil
		}
		granted := strings.Contains(string(text), "[always]") || name == "enabled" && asked && strings.Contains(string(text), "[madvise]")
		if !granted {
			bad = append(bad, name)
		}
	}
	if len(bad) == 0 {
		return []Finding{ok(what, "Chrome gets them: recording is as fast as it can be")}
	}
	return []Finding{{What: what, Verdict: Warning,
		Found: "not for all of Chrome's pictures, as these are set: " + strings.Join(bad, ", ") + "; recording moving pages takes longer",
		Mend:  "as root: for f in " + strings.Join(bad, " ") + "; do echo always > " + dir + "/$f; done"}}
}
