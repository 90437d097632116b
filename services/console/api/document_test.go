package api

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write docs/reference/openapi.json")

// What is committed is what clients are generated from, and what reviewers see of a change.
func TestTheCommittedDocumentIsTheOneThatIsServed(t *testing.T) {
	const file = "../../../docs/reference/openapi.json"
	document, err := json.MarshalIndent(New(Config{}).Document(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	document = append(document, '\n')
	if *update {
		if err := os.WriteFile(file, document, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	committed, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(document, committed) {
		t.Errorf("the API has changed: run make clients")
	}
}
