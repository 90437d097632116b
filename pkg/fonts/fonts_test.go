package fonts

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// read returns a file of the repository.
func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../..", path))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestImagesAndSetupHaveTheFontsOfTheList(t *testing.T) {
	want := []string{"fonts-liberation", "fonts-noto-core", "fonts-noto-color-emoji", "fonts-noto-cjk"}
	if got := Packages(); !slices.Equal(got, want) {
		t.Errorf("the list has %q, want %q", got, want)
	}
	for path, times := range map[string]int{"deploy/Dockerfile": 2, "scripts/setup.sh": 1} {
		text := read(t, path)
		if n := strings.Count(text, "pkg/fonts/debian.txt"); n < times {
			t.Errorf("%s reads the list %d times, want %d", path, n, times)
		}
		for _, name := range want {
			if strings.Contains(text, name) {
				t.Errorf("%s names %s itself", path, name)
			}
		}
	}
	// What the images' builds read of it.
	for line := range strings.Lines(read(t, "deploy/Dockerfile")) {
		_, command, found := strings.Cut(line, "$(")
		if !found {
			continue
		}
		command, _, _ = strings.Cut(command, ")")
		command = strings.ReplaceAll(command, "/usr/local/share/fonts.txt", "debian.txt")
		out, err := exec.Command("sh", "-c", command).Output()
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Fields(string(out)); !slices.Equal(got, want) {
			t.Errorf("%s lists %q", command, got)
		}
	}
}

// `make setup` comes first.
func TestThisMachineDrawsEveryScript(t *testing.T) {
	lacking, err := Lacking(t.Context())
	if err != nil {
		t.Fatalf("fontconfig (apt install fontconfig): %v", err)
	}
	if len(lacking) > 0 {
		t.Errorf("no font for %v: make setup", lacking)
	}
}

// A machine that has but one font, as many had.
func TestScriptsWithoutAFontAreFound(t *testing.T) {
	only(t, "LiberationSans-Regular.ttf")
	lacking, err := Lacking(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{
		"Latin": false, "Greek": false, "Cyrillic": false, "Hebrew": true, "Devanagari": true, "Tamil": true, "Thai": true, "Han": true, "emoji": true,
	} {
		if got := slices.Contains(lacking, name); got != want {
			t.Errorf("%s is lacking: %v", name, got)
		}
	}
}

func TestScriptsAreNamed(t *testing.T) {
	want := "Latin Greek Cyrillic Armenian Georgian Hebrew Arabic Syriac Thaana Ethiopic Devanagari Bengali Gurmukhi Gujarati Oriya Tamil " +
		"Telugu Kannada Malayalam Sinhala Thai Lao Tibetan Myanmar Khmer Mongolian Cherokee Canadian Aboriginal Tifinagh Han Hiragana " +
		"Hangul mathematical signs signs emoji"
	if got := strings.Join(Scripts(), " "); got != want {
		t.Errorf("the scripts are %s, want %s", got, want)
	}
	for c, want := range map[rune]string{'𝔘': "mathematical signs", '𓀀': "Egyptian Hieroglyphs", '\u0301': "signs", '€': "signs"} {
		if got := Name(c); got != want {
			t.Errorf("%c is of %s, want %s", c, got, want)
		}
	}
}

// only leaves this process one font.
func only(t *testing.T, file string) {
	t.Helper()
	out, err := exec.Command("fc-list", ":family=Liberation Sans", "file").Output()
	if err != nil {
		t.Fatalf("fontconfig (apt install fontconfig): %v", err)
	}
	dir := t.TempDir()
	for line := range strings.Lines(string(out)) {
		if path := strings.TrimSuffix(strings.TrimSpace(line), ":"); filepath.Base(path) == file {
			if err := os.Symlink(path, filepath.Join(dir, file)); err != nil {
				t.Fatal(err)
			}
		}
	}
	config := fmt.Sprintf(`<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig><dir>%s</dir><cachedir>%s</cachedir></fontconfig>`, dir, dir)
	path := filepath.Join(dir, "fonts.conf")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("FONTCONFIG_FILE", path)
}
