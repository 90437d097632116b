package campaign

import (
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/options"
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
		o, err := options.ParseOutput(data)
		if err != nil || o.Quality != output.QualityHigh || o.Watermark.URL != want || *o.Watermark.Opacity != 0.5 {
			t.Errorf("%s became %s, %v", written, data, err)
		}
		if local := written == "logo.png"; c.LocalMedia() != local || c.Local() != local || c.LocalPages() {
			t.Errorf("%s: local %v", written, c.LocalMedia())
		}
	}
}

func TestAFrameRateIsANumberOrAText(t *testing.T) {
	for written, want := range map[string]string{
		"30": "30", "23.976": "23.976", "59.94": "59.94", "12.5": "12.5", `"30000/1001"`: "30000/1001", `"29.97"`: "29.97", "1": "1", "120.0": "120",
	} {
		c, err := load(t, folder(t), page+"output_fps: 25\noutput_rate: "+written+"\n")
		if err != nil {
			t.Errorf("%s: %v", written, err)
		} else if c.Rate == nil || *c.Rate != want {
			t.Errorf("%s: the rate is not %s", written, want)
		}
	}
}

func TestAFrameRateThatNoVideoCanHaveIsToldByLine(t *testing.T) {
	for written, want := range map[string]string{
		"500": `"500" is not possible: write a rate from 1 to 120`, "120.5": `"120.5" is not possible`, "0.5": `"0.5" is not possible`,
		`"1000/7"`: `"1000/7" is not possible`, `"12345/1234"`: `"12345/1234" is not possible: write a rate from 1 to 120, as a fraction with a denominator`,
		"fast": `"fast" is not a number of frames per second`, "0": `"0" is not a number`, "-25": `"-25" is not a number`,
		`"30/0"`: `"30/0" is not a number`, `""`: `"" is not a number`, ".inf": "this is no number that can be counted with",
		"true": "this is true or false, not a number", "[30]": "this is a list, not a number",
	} {
		_, err := load(t, folder(t), page+"output_rate: "+written+"\n")
		if err == nil || !strings.Contains(err.Error(), ":2: output_rate: "+want) {
			t.Errorf("%s: %v, want …:2: output_rate: %s…", written, err, want)
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
