package main

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/services/console/renders"
)

func TestTheReferenceNamesAllThatStatusPrints(t *testing.T) {
	page, err := os.ReadFile("../../docs/reference/command-line.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## `status --json`")
	text, _, _ := strings.Cut(section, "\n## ")
	ours := []string{reflect.TypeFor[report]().PkgPath(), reflect.TypeFor[renders.Render]().PkgPath()}
	var look func(reflect.Type)
	look = func(of reflect.Type) {
		for of.Kind() == reflect.Slice || of.Kind() == reflect.Pointer {
			of = of.Elem()
		}
		if of.Kind() != reflect.Struct || !slices.Contains(ours, of.PkgPath()) {
			return
		}
		for field := range of.Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if name != "" && !strings.Contains(text, "`"+name+"`") && !strings.Contains(text, "`"+name+"[]`") {
				t.Errorf("%s of %s is not there", name, of)
			}
			look(field.Type)
		}
	}
	look(reflect.TypeFor[report]())
}
