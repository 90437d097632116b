package stage

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

func TestConclude(t *testing.T) {
	t.Parallel()
	plain := errors.New("exit status 1")
	permanent := Permanent(msg.CodeFacecamNotVideo, "The facecam is not a video.", plain)
	handBack := fmt.Errorf("%w: the URL is old", ErrHandBack)
	for name, test := range map[string]struct {
		err, cause error
		want       string
	}{
		"finished":                           {nil, nil, "done"},
		"finished as the drain ended":        {nil, errDraining, "done"},
		"finished, told to stop":             {nil, ErrNotWanted, outcomeLost},
		"failed":                             {plain, nil, "failed"},
		"failed for good":                    {permanent, nil, outcomePermanent},
		"wrapped, failed for good":           {fmt.Errorf("probe: %w", permanent), nil, outcomePermanent},
		"handed back":                        {handBack, nil, "handed_back"},
		"cancelled by the drain":             {context.Canceled, errDraining, "handed_back"},
		"a child killed by the drain":        {permanent, errDraining, "handed_back"},
		"cancelled, told to stop":            {context.Canceled, fmt.Errorf("%w: superseded", ErrNotWanted), outcomeLost},
		"the handler found it is not wanted": {fmt.Errorf("close: %w", ErrNotWanted), nil, outcomeLost},
		"cancelled, it took too long":        {permanent, fmt.Errorf("%w (1m)", errTimeout), "failed"},
		"finished, it took too long":         {nil, errTimeout, "done"},
		"an URL too old as the drain ended":  {handBack, errDraining, "handed_back"},
	} {
		var result msg.Result
		if got := conclude(&result, test.err, test.cause); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
		if wantResult := test.want != outcomeLost; (result.Outcome != "") != wantResult {
			t.Errorf("%s: outcome %q", name, result.Outcome)
		}
		if result.Outcome == msg.Failed && (result.Failure == nil || result.Failure.Message == "") {
			t.Errorf("%s: a failure without words", name)
		}
	}
}

func TestTruncateKeepsBothEnds(t *testing.T) {
	t.Parallel()
	text := "open the page: " + strings.Repeat("é", 5000) + " connection refused"
	got := truncate(text, 1000)
	if len(got) > 1000 || !utf8.ValidString(got) || !strings.HasPrefix(got, "open the page: ") || !strings.HasSuffix(got, "connection refused") {
		t.Errorf("%d bytes: %.40q … %q", len(got), got, got[len(got)-20:])
	}
	if got := truncate("short", 1000); got != "short" {
		t.Errorf("%q", got)
	}
	if got := truncate("a\x00b\xff", 1000); got != "ab�" {
		t.Errorf("%q is refused by Postgres", got)
	}
}
