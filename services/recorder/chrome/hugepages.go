package chrome

import (
	"os"
	"path/filepath"
	"strings"
)

const (
	// hugePagesLibrary is built from hugepages/hugepages.c.
	hugePagesLibrary = "loom-hugepages.so"
	// thpEnabled says to whom Linux gives huge pages: "always" to all, "madvise" to who asks, "never" to none.
	thpEnabled = "/sys/kernel/mm/transparent_hugepage/enabled"
)

// HugePages is the library to preload so that Chrome asks for huge pages: the one that lies beside the program. It is empty where
// there is none, where Linux gives huge pages to all or none, so that asking makes no difference, and where the setting is "off".
func HugePages(setting string) string {
	if setting == "off" {
		return ""
	}
	program, err := os.Executable()
	if err != nil {
		return ""
	}
	if resolved, err := filepath.EvalSymlinks(program); err == nil {
		program = resolved
	}
	return hugePages(thpEnabled, filepath.Dir(program))
}

func hugePages(enabled, dir string) string {
	setting, err := os.ReadFile(enabled)
	if err != nil || !strings.Contains(string(setting), "[madvise]") {
		return ""
	}
	library := filepath.Join(dir, hugePagesLibrary)
	if info, err := os.Stat(library); err != nil || !info.Mode().IsRegular() {
		return ""
	}
	return library
}
