package migrations_test

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/migrations"
	"github.com/loom-lite/loom-lite/pkg/postgres/postgrestest"
)

var update = flag.Bool("update", false, "write schema.txt")

// Whatever the files make is looked for.
func TestTheSchemaIsWhatTheFilesMake(t *testing.T) {
	conn := connect(t, postgrestest.Database(t))
	var list strings.Builder
	known := migrations.Existing(t, conn)
	for _, name := range migrations.Files {
		paste(t, conn, file(t, name))
		var made []string
		for _, object := range migrations.Existing(t, conn) {
			if !slices.Contains(known, object) && !migrations.OfTheApp(object) {
				made = append(made, object)
			}
			known = append(known, object)
		}
		slices.Sort(made)
		for _, object := range slices.Compact(made) {
			fmt.Fprintf(&list, "%s %s\n", name, object)
		}
	}
	if *update {
		if err := os.WriteFile("schema.txt", []byte(list.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want, err := os.ReadFile("schema.txt"); err != nil || string(want) != list.String() {
		t.Errorf("schema.txt (go test ./migrations -run SchemaIs -update writes it) is not what the files make:\n%s", list.String())
	}
}

// Functions are changed in place, so only the version tells an older form of them from this one.
func TestASchemaThatChangesHasAnotherVersion(t *testing.T) {
	sum := sha256.New()
	for _, name := range migrations.Files {
		for line := range strings.Lines(file(t, name)) {
			code, _, _ := strings.Cut(line, "--")
			if code = strings.Join(strings.Fields(code), " "); code != "" && name != "schema_version.sql" {
				fmt.Fprintln(sum, code)
			}
		}
	}
	want := fmt.Sprintf("%d %x\n", migrations.Version, sum.Sum(nil))
	got, err := os.ReadFile("testdata/version.txt")
	if err != nil || string(got) != want {
		t.Errorf("the SQL is not that of version %d: raise the number in schema_version.sql and in migrations.Version, "+
			"then write into testdata/version.txt: %s", migrations.Version, want)
	}
	conn := connect(t, migrated.Database(t))
	if version, err := migrations.SchemaVersion(t.Context(), conn); err != nil || version != migrations.Version {
		t.Errorf("schema_version.sql says %d, %v; migrations.Version is %d", version, err, migrations.Version)
	}
	if last := migrations.Files[len(migrations.Files)-1]; last != "schema_version.sql" {
		t.Errorf("the last file is %s", last)
	}
}
