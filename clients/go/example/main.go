// Command example has a page rendered and prints where the video is.
package main

import (
	"context"
	"fmt"
	"os"

	loom "github.com/loom-lite/loom-lite/clients/go"
	"github.com/loom-lite/loom-lite/clients/go/api"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	client, err := loom.New(loom.Options{}) // of LOOM_API_URL and LOOM_API_TOKEN
	if err != nil {
		return err
	}
	defer client.Close()

	id, err := client.Submit(ctx, map[string]any{
		"name":   "Hello",
		"scenes": []map[string]any{{"url": "https://example.com", "duration_sec": 3}},
	})
	if err != nil {
		return err
	}
	render, err := client.Wait(ctx, id)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, render.ID, render.Status)

	failed := api.ListRendersParams{Status: []api.ListRendersParamsStatus{api.ListRendersParamsStatusFailed}}
	for r, err := range client.Renders(ctx, failed) {
		if err != nil {
			return err
		}
		fmt.Fprintln(os.Stdout, r.ID, *r.ErrorCode)
	}
	return nil
}
