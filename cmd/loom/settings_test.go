package main

import (
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/console"
	"github.com/loom-lite/loom-lite/services/ingest"
	"github.com/loom-lite/loom-lite/services/recorder"
	"github.com/loom-lite/loom-lite/services/transcoder"
	"github.com/loom-lite/loom-lite/services/uploader"
)

// setting is a variable as the services' Configs have it.
type setting struct {
	fallback string
	required bool
	// values are its bounds in the words of the settings page.
	values string
}

// settings returns every variable that a service reads.
func settings(t *testing.T) map[string]setting {
	t.Helper()
	all := map[string]setting{}
	var add func(typ reflect.Type)
	add = func(typ reflect.Type) {
		for i := range typ.NumField() {
			f := typ.Field(i)
			name, options, _ := strings.Cut(f.Tag.Get("env"), ",")
			switch {
			case name == "-":
			case name != "":
				s := setting{fallback: f.Tag.Get("envDefault"), required: strings.Contains(options, "required"), values: valuesOf(f.Tag)}
				if other, there := all[name]; there && other != s {
					t.Errorf("%s differs between services: %+v, %+v", name, other, s)
				}
				all[name] = s
			case f.Type.Kind() == reflect.Struct:
				add(f.Type)
			}
		}
	}
	for _, config := range []any{ingest.Config{}, recorder.Config{}, transcoder.Config{}, uploader.Config{}, console.Config{}} {
		add(reflect.TypeOf(config))
	}
	return all
}

// valuesOf writes bounds as the settings page does: "1 to 5", "1 or more", "`on` or `off`".
func valuesOf(tag reflect.StructTag) string {
	least, most := tag.Get("min"), tag.Get("max")
	switch words := strings.Fields(tag.Get("oneof")); {
	case len(words) > 0:
		last := len(words) - 1
		return "`" + strings.Join(words[:last], "`, `") + "` or `" + words[last] + "`"
	case least != "" && most != "":
		return least + " to " + most
	case least != "":
		return least + " or more"
	}
	return ""
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestEnvExampleListsEverySettingWithItsDefault(t *testing.T) {
	listed := map[string]setting{}
	for _, m := range regexp.MustCompile(`(?m)^(#?)([A-Z][A-Z0-9_]*)=(.*)$`).FindAllStringSubmatch(readFile(t, "../../.env.example"), -1) {
		s := setting{required: m[1] == ""}
		if !s.required {
			s.fallback = m[3]
		}
		listed[m[2]] = s
	}
	want := settings(t)
	for name, s := range want {
		s.values = ""
		want[name] = s
	}
	compare(t, ".env.example", want, listed)
}

func TestSettingsPageListsEverySettingWithItsDefaultAndBounds(t *testing.T) {
	page := readFile(t, "../../docs/reference/settings.md")
	code := regexp.MustCompile("`([^`]*)`")
	listed := map[string]setting{}
	for _, row := range regexp.MustCompile("(?m)^\\| (`[A-Z][^|]*) \\| ([^|]*) \\| ([^|]*)\\|").FindAllStringSubmatch(page, -1) {
		defaults := code.FindAllStringSubmatch(row[2], -1)
		for i, name := range code.FindAllStringSubmatch(row[1], -1) {
			s := setting{required: row[2] == "required", values: strings.TrimSpace(row[3])}
			if i < len(defaults) {
				s.fallback = defaults[i][1]
			}
			// What is worked out at start has no default in the Config.
			if s.fallback == "<hostname>-<pid>" || s.fallback == "S3_ENDPOINT" || s.fallback == "PATH" {
				s.fallback = ""
			}
			listed[name[1]] = s
		}
	}
	compare(t, "docs/reference/settings.md", settings(t), listed)
}

// The words of an error that are not made from the bounds say the same bounds.
func TestWordsOfErrorsAgreeWithBounds(t *testing.T) {
	number := regexp.MustCompile(`\d+m?`)
	var check func(typ reflect.Type)
	check = func(typ reflect.Type) {
		for i := range typ.NumField() {
			f := typ.Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("env"), ",")
			switch wants := f.Tag.Get("wants"); {
			case name == "" && f.Type.Kind() == reflect.Struct:
				check(f.Type)
			case wants == "":
			default:
				said := number.FindAllString(wants, -1)
				for _, bound := range []string{f.Tag.Get("min"), f.Tag.Get("max")} {
					above := (bound == "1" || bound == "1ns") && strings.Contains(wants, "above 0")
					if bound != "" && !above && !slices.Contains(said, bound) {
						t.Errorf("%s: %q does not say %s", name, wants, bound)
					}
				}
			}
		}
	}
	for _, config := range []any{ingest.Config{}, recorder.Config{}, transcoder.Config{}, uploader.Config{}, console.Config{}} {
		check(reflect.TypeOf(config))
	}
}

func compare(t *testing.T, where string, want, got map[string]setting) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if listed, there := got[name]; !there {
			t.Errorf("%s lacks %s", where, name)
		} else if listed != want[name] {
			t.Errorf("%s says of %s: %+v; the services: %+v", where, name, listed, want[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if _, there := want[name]; !there {
			t.Errorf("%s has %s, which no service reads", where, name)
		}
	}
}

func TestErrorsPageListsEveryCode(t *testing.T) {
	page := readFile(t, "../../docs/reference/errors.md")
	var codes []string
	for _, source := range []struct{ path, constant, known string }{
		{"../../pkg/msg/code.go", `Code\w+\s+Code`, string(msg.CodeInternal)},
		{"outcome.go", `code\w+\s*`, codeCommand},
	} {
		for _, m := range regexp.MustCompile(`(?m)^\t`+source.constant+` = "(\w+)"$`).FindAllStringSubmatch(readFile(t, source.path), -1) {
			codes = append(codes, m[1])
		}
		if !slices.Contains(codes, source.known) {
			t.Fatalf("%s is not read as it should be: %q", source.path, codes)
		}
	}
	slices.Sort(codes)
	for _, code := range codes {
		if !strings.Contains(page, "\n| `"+code+"` |") {
			t.Errorf("docs/reference/errors.md lacks %s", code)
		}
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\|").FindAllStringSubmatch(page, -1) {
		if !slices.Contains(codes, m[1]) {
			t.Errorf("docs/reference/errors.md has %s, which is no code", m[1])
		}
	}
}
