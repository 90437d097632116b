package msg_test

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// A failure whose code is in no list is in no metric before it first happens.
func TestEveryCodeIsOfAPlanATaskOrAWarning(t *testing.T) {
	source, err := os.ReadFile("code.go")
	if err != nil {
		t.Fatal(err)
	}
	listed := slices.Clone(msg.PlanCodes)
	for _, kind := range msg.AllKinds() {
		listed = append(listed, msg.CodesOf(kind)...)
	}
	// Warnings, and what is no failure of a task.
	listed = append(listed, msg.CodeSceneInexact, msg.CodeSceneRealtime, msg.CodeSceneHover, msg.CodeSceneLastPicture, msg.CodeSceneFallback,
		msg.CodeCaptionsGlyphs, msg.CodeCancelled)
	codes := regexp.MustCompile(`(?m)^\tCode\w+ +(?:Code )?= "(\w+)"`).FindAllSubmatch(source, -1)
	if len(codes) < 50 {
		t.Fatalf("%d codes in code.go", len(codes))
	}
	for _, code := range codes {
		if !slices.Contains(listed, msg.Code(code[1])) {
			t.Errorf("%s is in no list", code[1])
		}
	}
}
