package recorder

import (
	"testing"

	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
)

func TestAPieceIsNoLargerThanWhatCanBeStoredOfIt(t *testing.T) {
	whole := msg.Output{Key: "a"}
	parts := msg.Output{Key: "b", Parts: msg.Parts{Bytes: 1000, More: make([]msg.SignedURL, 3)}}
	for want, outputs := range map[int64]map[string]msg.Output{
		msg.MaxObject: {"a": whole}, 3999: {"a": whole, "b": parts},
	} {
		if got := storable(stage.NewTask(msg.Grant{Outputs: outputs}, t.TempDir(), zerolog.Nop())); got != want {
			t.Errorf("%d bytes, want %d", got, want)
		}
	}
}
