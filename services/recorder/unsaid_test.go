package recorder

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/services/recorder/capture"
)

// What is said of a recording has none of the values that its page was asked for with, in no form.
func TestNothingThatIsSaidHasValuesOfVariables(t *testing.T) {
	p := msg.RecordParams{
		Scene: 2, URL: "https://example.com/Zo%C3%AB%20B/x?q=secret", Shown: "https://example.com/{{name}}/x?q={{name}}",
		Private: []string{"Zoë B", "Al"},
	}
	cause := errors.New("no route")
	page := &capture.PageError{Code: msg.CodeSceneStatus, Status: 404, Permanent: true, Err: fmt.Errorf("get %s for Zoë B, Al and Alan: %w", p.URL, cause)}
	facts := msg.RecordFacts{Warnings: []msg.Warning{{Code: msg.CodeFontsMissing, Scene: 2, Message: `Scene 2 has no font for "Zoë B".`}}}
	err := unsaid(p, &facts, pageFailure(p, page))
	var failed *stage.Error
	if !errors.As(err, &failed) || failed.Code != msg.CodeSceneStatus || !failed.Permanent || !errors.Is(err, cause) {
		t.Fatalf("the error is %v", err)
	}
	if want := "Scene 2 could not be recorded: https://example.com/{{name}}/x answered 404 Not Found. Check the scene's URL."; failed.Message != want {
		t.Errorf("users are told %q, want %q", failed.Message, want)
	}
	if said := err.Error() + facts.Warnings[0].Message; strings.Contains(said, "Zo") || !strings.Contains(said, "[secret], [secret] and Alan") {
		t.Errorf("it is said: %s", said)
	}
}
