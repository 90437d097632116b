package campaign_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/services/console/campaign"
)

func TestACampaignFileSaysHowOldRecordingsMayBe(t *testing.T) {
	load := func(video, scene string) (*campaign.Campaign, error) {
		path := filepath.Join(t.TempDir(), "campaign.yaml")
		text := "output_options: {cache: " + video + "}\nscenes: [{url: https://example.com, duration_sec: 1, options: {cache: " + scene + "}}]\n"
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return campaign.Load(path)
	}
	c, err := load("1h", "off")
	if err != nil {
		t.Fatal(err)
	}
	output, err := c.Output("")
	if err != nil {
		t.Fatal(err)
	}
	if got := string(output) + string(c.Scenes[0].Options); got != `{"cache":"1h"}{"cache":"off"}` {
		t.Errorf("it says %s", got)
	}
	for _, wrong := range []string{"1", "on", "1y", "12345s", "-1h", "1h30m"} {
		if _, err := load("off", wrong); err == nil || !strings.Contains(err.Error(), "cache") {
			t.Errorf("cache: %s: %v", wrong, err)
		}
	}
}
