package chrome

import (
	"debug/elf"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

const (
	// hugePagesLibrary is built from hugepages/hugepages.c.
	hugePagesLibrary = "loom-hugepages.so"
	// thpEnabled says to whom Linux gives huge pages: "always" to all, "madvise" to programs that
	// ask, "never" to none.
	thpEnabled = "/sys/kernel/mm/transparent_hugepage/enabled"
)

// HugePages is the library to preload so that Chrome asks for huge pages: the one that lies beside
// the program. It is empty where there is none that can be loaded, where Linux gives huge pages to
// all or to none, so that asking makes no difference, and where the setting is "off".
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
	// the loader divides and expands such names
	if strings.ContainsAny(library, " \t\n:;$") || !loadable(library) {
		return ""
	}
	return library
}

// loadable reports whether a library is whole and of this processor: one that is neither can keep
// Chrome from starting.
func loadable(library string) bool {
	f, err := elf.Open(library)
	if err != nil {
		return false
	}
	defer f.Close()
	machine := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[runtime.GOARCH]
	return f.Type == elf.ET_DYN && f.Machine == machine
}
