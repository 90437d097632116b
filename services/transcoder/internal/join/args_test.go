package join

import (
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/mediatest"
)

func TestCommandLines(t *testing.T) {
	ntsc := msg.Rate{Num: 30000, Den: 1001}
	mediatest.Golden(t, map[string][]string{
		"concat":          args(msg.ConcatParams{Rate: ntsc}),
		"concat-final":    args(msg.ConcatParams{Rate: msg.FPS(60), Final: true}),
		"concat-captions": args(msg.ConcatParams{Rate: msg.FPS(60), Final: true, Captions: make([]msg.Caption, 1), Language: "deu"}),
		"concat-list":     strings.Split(strings.TrimSpace(script(ntsc, []string{"segment-0001", "segment-0002"}, []int{170, 177})), "\n"),
	})
}
