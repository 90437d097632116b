package campaign

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/options"
	"github.com/loom-lite/loom-lite/pkg/output"
)

func TestCaptionsMayBeAFileBesideTheCampaign(t *testing.T) {
	for _, file := range []string{"talk.srt", "./talk.vtt", "site/../talk.vtt"} {
		c, err := load(t, folder(t), page+"output_options:\n  captions: {file: "+file+", show: burn}\n")
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		data, err := c.Output("")
		if err != nil {
			t.Fatal(err)
		}
		o, err := options.ParseOutput(data) // as ingest does, which knows no file
		if err != nil {
			t.Fatal(err)
		}
		cues, err := options.Cues(o.Captions)
		want := output.Cue{From: time.Second, To: 2500 * time.Millisecond, Text: "Welcome!"}
		if err != nil || len(cues) != 1 || cues[0] != want || !o.Captions.Burnt() || strings.Contains(string(data), "file") {
			t.Errorf("%s became %s: %v, %v", file, data, cues, err)
		}
		if c.Local() {
			t.Errorf("%s is to be served, though it was read", file)
		}
	}
}

func TestWhatIsWrongWithAFileOfCaptionsIsToldByLine(t *testing.T) {
	for name, content := range map[string]string{
		"plain.txt": "Hello, world", "late.srt": "1\n00:00:02,000 --> soon\nHello", "long.srt": strings.Repeat("x", 160001),
		"huge.srt": strings.Repeat("x", maxSize+1), "latin.srt": "1\n00:00:01,000 --> 00:00:02,000\nGr\xfc\xdfe\n", "none.srt": "",
	} {
		dir := folder(t)
		write(t, filepath.Join(dir, name), content)
		want := map[string]string{
			"plain.txt": `"plain.txt": there is no caption in it: write SRT or WebVTT`,
			"late.srt":  `"late.srt": line 2: "00:00:02,000 --> soon" is not a time`,
			"long.srt":  `"long.srt": the text has 160001 characters, at most 160000 are allowed`,
			"huge.srt":  `"huge.srt" is larger than 1048576 bytes`,
			"latin.srt": `"latin.srt" is not UTF-8`,
			"none.srt":  `"none.srt": the text is empty`,
		}[name]
		_, err := load(t, dir, page+"output_options:\n  captions:\n    show: burn\n    file: "+name+"\n")
		if err == nil || !strings.Contains(err.Error(), ":5: output_options.captions.file: "+want) {
			t.Errorf("%s: %.300v, want …:5: output_options.captions.file: %s…", name, err, want)
		}
	}
}

func TestAFileOfCaptionsIsWithinTheFolder(t *testing.T) {
	dir := folder(t)
	outside := filepath.Join(t.TempDir(), "outside.srt")
	write(t, outside, "1\n00:00:01,000 --> 00:00:02,500\nSecret\n")
	if err := os.Symlink(outside, filepath.Join(dir, "link.srt")); err != nil {
		t.Fatal(err)
	}
	for written, want := range map[string]string{
		"none.srt": `there is no file "none.srt"`, "../talk.srt": `"../talk.srt" is outside the campaign file's folder`,
		"/etc/passwd": `"/etc/passwd" is outside`, "https://example.com/talk.srt": `there is no file "https://example.com/talk.srt"`,
		"link.srt": `"link.srt" cannot be read`, "site": `"site" is not a file`,
	} {
		_, err := load(t, dir, page+"output_options:\n  captions: {file: '"+written+"'}\n")
		if err == nil || !strings.Contains(err.Error(), ":3: output_options.captions.file: "+want) {
			t.Errorf("%s: %v, want …%s…", written, err, want)
		}
	}
}

func TestCaptionsAreATextOrAFile(t *testing.T) {
	for written, want := range map[string]string{
		"{show: burn}":                 ":3: output_options.captions: text is missing",
		"{file: talk.srt, text: 'Hi'}": ":3: output_options.captions.file: there is also a text: write only one of them",
		"{files: talk.srt}":            ":3: output_options.captions.files: there is no such field: did you mean file?",
		"{file: 5}":                    ":3: output_options.captions.file: this is a number, not a text. In place of text: the path",
	} {
		_, err := load(t, folder(t), page+"output_options:\n  captions: "+written+"\n")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want …%s…", written, err, want)
		}
	}
}

// The schema names the output options one by one, for a file to be one of them.
func TestACampaignFileTakesAllOutputOptions(t *testing.T) {
	type group struct {
		Properties map[string]*group `json:"properties"`
	}
	var options, file group
	for text, into := range map[*[]byte]*group{&output.Schema: &options, &Schema: &file} {
		if err := json.Unmarshal(*text, into); err != nil {
			t.Fatal(err)
		}
	}
	here := file.Properties["output_options"]
	for name, option := range options.Properties {
		if here.Properties[name] == nil {
			t.Errorf("there is no output_options.%s", name)
		}
		for field := range option.Properties {
			if name == "captions" && here.Properties[name].Properties[field] == nil {
				t.Errorf("there is no output_options.captions.%s", field)
			}
		}
	}
}
