package machine

import (
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWhatTheKernelSaysIsRead(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{cpuModel("processor\t: 0\nmodel name\t: AMD EPYC\nprocessor\t: 1\nmodel name\t: AMD EPYC\n"), "AMD EPYC"},
		{cpuModel("processor\t: 0\n"), unknown},
		{memory("MemTotal:        8142240 kB\nMemFree:  1 kB\n"), "7.8 GiB"},
		{memory(""), unknown},
		{chosen("always [madvise] never\n"), "madvise"},
		{chosen("always madvise"), unknown},
		{chosen(""), unknown},
		{line("6.1.0-18\n"), "6.1.0-18"},
		{line("\n"), unknown},
	} {
		if test.got != test.want {
			t.Errorf("got %q, want %q", test.got, test.want)
		}
	}
}

func TestAPackageSaysItsVersion(t *testing.T) {
	path := filepath.Join(t.TempDir(), "package.json")
	if err := os.WriteFile(path, []byte(`{"name":"x","version":"1.58.0"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if v, err := packageVersion(path); v != "1.58.0" || err != nil {
		t.Errorf("version %q, %v", v, err)
	}
	if err := os.WriteFile(path, []byte(`{}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if v, err := packageVersion(path); err == nil {
		t.Errorf("version %q of a package without one", v)
	}
}
