package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/bench/measure"
	"github.com/loom-lite/loom-lite/bench/report"
)

func TestToolsTakeTurns(t *testing.T) {
	var order []string
	for _, r := range plan(report.Settings{
		Parts: report.Parts, Pages: []string{"box", "static"}, Tools: []measure.Tool{measure.Ours, measure.Peer}, Scenes: []int{1}, Repeat: 2,
	}) {
		order = append(order, r.Page+" "+string(r.Tool))
	}
	turn := []string{"box ours", "box puppeteer-capture", "static ours", "static puppeteer-capture"}
	if want := slices.Concat(turn, turn); !slices.Equal(order, want) {
		t.Errorf("the order is %v, want %v", order, want)
	}
}

func TestAReportIsWrittenInBothForms(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	var stdout bytes.Buffer
	if err := write(dir, report.New(report.Settings{Encoder: encoder}, nil), &stdout); err != nil {
		t.Fatal(err)
	}
	markdown, err := os.ReadFile(filepath.Join(dir, "bench.md"))
	if err != nil || !bytes.Equal(markdown, stdout.Bytes()) || !strings.Contains(string(markdown), encoder) {
		t.Errorf("bench.md is %q, %v; printed was %q", markdown, err, stdout.Bytes())
	}
	if text, err := os.ReadFile(filepath.Join(dir, "bench.json")); err != nil || !bytes.Contains(text, []byte(encoder)) {
		t.Errorf("bench.json is %q, %v", text, err)
	}
}

func TestWhatCannotBeMeasuredIsToldAtOnce(t *testing.T) {
	peers := t.TempDir()
	err := run(context.Background(), []string{"-peers", peers}, map[string]string{"CHROME_PATH": "/no/such/chrome"},
		strings.NewReader(""), io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "CHROME_PATH") {
		t.Errorf("error %v, want one that names CHROME_PATH", err)
	}
}
