package migrations

import (
	"slices"
	"strings"
	"testing"
)

// SQL returns the text of one of Files.
var SQL = text

// Existing names what a database has of the objects that the files make.
func Existing(t testing.TB, db DB) []string {
	t.Helper()
	found, err := names(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for name := range found {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// OfTheApp reports whether an object is a table or column that the app has.
func OfTheApp(name string) bool {
	table, public := strings.CutPrefix(name, "public.")
	if !public || strings.HasSuffix(name, ")") {
		return false
	}
	table, column, _ := strings.Cut(table, ".")
	for _, t := range contract {
		for _, c := range t.columns {
			if t.table == table && c.name == column {
				return !c.ours
			}
		}
	}
	return true // a table
}
