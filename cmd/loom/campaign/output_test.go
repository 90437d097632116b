package campaign

import (
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/output"
)

const page = "scenes: [{url: 'https://example.com', duration_sec: 2}]\n"

func TestAWatermarkMayBeAFileBesideTheCampaign(t *testing.T) {
	for written, want := range map[string]string{
		"logo.png": "http://h/p/logo.png", "https://example.com/logo.webp?a=1": "https://example.com/logo.webp?a=1",
	} {
		c, err := load(t, folder(t), page+"output_options:\n  quality: high\n  watermark: {url: '"+written+"', opacity: 0.5}\n")
		if err != nil {
			t.Fatal(err)
		}
		data, err := c.Output("http://h/p/")
		if err != nil {
			t.Fatal(err)
		}
		o, err := output.Parse(data)
		if err != nil || o.Quality != output.QualityHigh || o.Watermark.URL != want || *o.Watermark.Opacity != 0.5 {
			t.Errorf("%s became %s, %v", written, data, err)
		}
		if local := written == "logo.png"; c.LocalMedia() != local || c.Local() != local || c.LocalPages() {
			t.Errorf("%s: local %v", written, c.LocalMedia())
		}
	}
}

func TestACampaignThatAsksNothingOfItsVideoSendsNothing(t *testing.T) {
	for _, text := range []string{page, page + "output_options: {}\n"} {
		c, err := load(t, folder(t), text)
		if err != nil {
			t.Fatal(err)
		}
		if data, err := c.Output(""); data != nil || err != nil {
			t.Errorf("%s, %v", data, err)
		}
	}
}

func TestWhatIsWrongWithOutputOptionsIsToldByLine(t *testing.T) {
	for text, want := range map[string]string{
		"  watermark: {corner: middle, url: logo.png}\n":        ":3: output_options.watermark.corner: ",
		"  quality: high\n  watermark:\n    url: none.png\n":    `:5: output_options.watermark.url: there is no file "none.png"`,
		"  watermark:\n    opacity: 0.5\n":                      ":3: output_options.watermark",
		"  captions:\n    show: burn\n    text: Hello, world\n": ":5: output_options.captions.text: there is no caption in it",
	} {
		_, err := load(t, folder(t), page+"output_options:\n"+text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want …%s…", text, err, want)
		}
	}
}
