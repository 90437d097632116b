package direct

import (
	"context"
	"testing"
	"time"

	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/scene"
)

// A banner that the script is asked about when the page is drawn for an action in frame 0 stays as
// it is: the scene begins.
func TestBannersAreLeftAloneOnceTheSceneBegins(t *testing.T) {
	t.Parallel()
	d := New(msg.RecordParams{Options: scene.Options{Actions: []scene.Action{{Do: "press", Key: "a"}}}})
	d.consent = &consent{}
	drawn := false
	pass := func(_ context.Context, passed time.Duration) error {
		if drawn = passed == time.Millisecond; drawn {
			d.consent.said = append(d.consent.said, &proto.RuntimeBindingCalled{})
		}
		return nil
	}
	if err := d.Ready(t.Context(), nil, pass); err != nil {
		t.Fatal(err)
	}
	if !drawn {
		t.Fatal("the page was not drawn before frame 0")
	}
	if len(d.consent.said) != 1 {
		t.Error("the script got an answer after its end")
	}
}
