package renders

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/loom-lite/loom-lite/services/console/campaign"
)

func TestADocumentIsTheCampaignThatItWasMadeOf(t *testing.T) {
	for _, text := range []string{
		`{"name": "Least", "scenes": [{"url": "https://a.example", "duration_sec": 2}]}`,
		`{"name": "Most", "facecam_url": "https://a.example/f.mp4", "facecam_options": {"shape": "circle"}, "output_width": 1280, "output_height": 720,
		  "output_fps": 30, "output_rate": 29.97, "output_options": {"quality": "high", "watermark": {"url": "https://a.example/w.png"}},
		  "metadata": {"plan": "gold", "n": 1},
		  "scenes": [{"url": "https://a.example?b=c&d=<e>", "duration_sec": 2, "options": {"scroll": {"to": "bottom"}}}, {"url": "https://b.example", "duration_sec": 3}]}`,
	} {
		read := func(text []byte) Submission {
			t.Helper()
			c, err := campaign.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			s, err := NewSubmission(c, "")
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		s := read([]byte(text))
		document, err := s.Document()
		if err != nil {
			t.Fatal(err)
		}
		if again := read(document); !reflect.DeepEqual(again, s) || !json.Valid(document) {
			t.Errorf("%+v became %+v, by %s", s, again, document)
		}
	}
}
