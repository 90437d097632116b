package campaign

import (
	"strings"
	"testing"
)

func TestACampaignFileCarriesMetadata(t *testing.T) {
	scenes := "scenes: [{url: 'https://example.com', duration_sec: 1}]\n"
	c, err := load(t, folder(t), scenes+"metadata:\n  customer: \"0042\"\n  tags: [a, b]\n  nested: {n: 1.5, none: null}\n")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(c.Metadata), `{"customer":"0042","nested":{"n":1.5,"none":null},"tags":["a","b"]}`; got != want {
		t.Errorf("it is %s, want %s", got, want)
	}
	if c, err := load(t, folder(t), scenes); err != nil || c.Metadata != nil {
		t.Errorf("none is %s, %v", c.Metadata, err)
	}
	for wrong, says := range map[string]string{
		"metadata: [a]\n": "campaign.yaml:2: metadata: this is a list, not a group of fields",
		"metadata: {a: " + strings.Repeat("x", MaxMetadata) + "}\n": "campaign.yaml:2: metadata: these are 8201 bytes, and at most 8192",
	} {
		if _, err := load(t, folder(t), scenes+wrong); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%.30s: %v", wrong, err)
		}
	}
}
