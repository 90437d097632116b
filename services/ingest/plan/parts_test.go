package plan_test

import (
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/ingest/plan"
)

func TestWhatMayBeLargeIsInPartsWhereTheStoreWantsIt(t *testing.T) {
	campaign := plan.Campaign{Scenes: scenes(5, 5), FacecamURL: ptr("https://example.com/ada.mp4")}
	render, invalid := plan.Read(campaign, limits)
	if invalid != nil {
		t.Fatal(invalid)
	}
	for _, bound := range []int64{0, msg.MaxObject, 50 << 20} {
		for _, task := range plan.Build(render, bound, counter()) {
			for name, out := range task.Outputs {
				want := bound
				if strings.HasPrefix(name, msg.Thumbnail) || bound == msg.MaxObject {
					want = 0
				}
				if got := plan.PartBytes("render/task/a1/" + out.File); got != want {
					t.Errorf("with a bound of %d, %s is in objects of %d bytes, want %d", bound, out.File, got, want)
				}
			}
		}
	}
}

func TestOnlyOurOwnNamesSpeakOfParts(t *testing.T) {
	for key, want := range map[string]int64{
		"r/t/a1/parts-5242880/video.mp4": 5242880, "r/t/a1/video.mp4": 0, "r/t/a1/parts-0/video.mp4": 0, "r/t/a1/parts-/video.mp4": 0,
		"r/t/a1/parts-12": 0, "r/t/a1/parts--5/video.mp4": 0, "": 0,
	} {
		if got := plan.PartBytes(key); got != want {
			t.Errorf("%q: %d, want %d", key, got, want)
		}
	}
}
