package renders

import (
	"encoding/json"
	"testing"
)

func TestHowTheFacecamIsShownIsInserted(t *testing.T) {
	db := open(t, migrated.Database(t))
	submit(t, db, Submission{Name: "x", Shown: json.RawMessage(`{"shape": "rounded"}`), Scenes: []Scene{{URL: "https://example.com", Seconds: 1}}})
	submit(t, db, Submission{Name: "y", Scenes: []Scene{{URL: "https://example.com", Seconds: 1}}})
	var options string
	if err := db.QueryRow(t.Context(), "select string_agg(facecam_options::text, ' ' order by name) from campaigns").Scan(&options); err != nil {
		t.Fatal(err)
	}
	if want := `{"shape": "rounded"} {}`; options != want {
		t.Errorf("the options are %s, want %s", options, want)
	}
}
