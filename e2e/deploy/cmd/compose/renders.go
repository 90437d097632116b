package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// What is rendered: scenes of a page that moves.
const (
	scenes     = 2
	seconds    = 2
	perSecond  = 30
	wantFrames = scenes * seconds * perSecond
)

// signIn makes a token of the API.
func (d *deployment) signIn(ctx context.Context) error {
	out, err := d.compose(ctx, "run", "--rm", "-T", "loom", "tokens", "create", "e2e", "--scope", "admin")
	for _, word := range fields(out) {
		if strings.HasPrefix(word, "loom_") {
			d.token = word
			return nil
		}
	}
	return fmt.Errorf("make a token: it printed %q, %w", out, orNil(err))
}

// ask asks the API.
func (d *deployment) ask(ctx context.Context, method, path string, body, answer any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, fmt.Sprintf("http://127.0.0.1:%d%s", d.port+3, path), bytes.NewReader(data))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+d.token)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s: %s", method, path, response.Status, text)
	}
	return json.Unmarshal(text, answer)
}

// batch is renders that were submitted together.
type batch struct {
	d   *deployment
	ids []string
}

// submit submits campaigns from outside. Each has pages of its own, so nothing is reused.
func (d *deployment) submit(ctx context.Context, n int) (*batch, error) {
	b := &batch{d: d}
	for range n {
		d.run.submitted++
		var list []map[string]any
		for scene := range scenes {
			list = append(list, map[string]any{"url": fmt.Sprintf("http://%s/%d/%d", d.run.site.address, d.run.submitted, scene), "duration_sec": seconds})
		}
		var made struct{ ID string }
		err := d.ask(ctx, http.MethodPost, "/v1/renders", map[string]any{"campaign": map[string]any{
			"name": fmt.Sprintf("e2e %d", d.run.submitted), "output_width": 640, "output_height": 360, "output_fps": perSecond, "scenes": list,
		}}, &made)
		if err != nil {
			return nil, err
		}
		b.ids = append(b.ids, made.ID)
	}
	return b, nil
}

type render struct {
	Status        string `json:"status"`
	FinalVideoURL string `json:"final_video_url"`
	ErrorMessage  string `json:"error_message"`
}

func (d *deployment) render(ctx context.Context, id string) (r render, err error) {
	return r, d.ask(ctx, http.MethodGet, "/v1/renders/"+id, nil, &r)
}

// ended reports whether a render of this status has ended.
func ended(status string) bool {
	return status == "done" || status == "failed" || status == "cancelled"
}

// awaitAny waits until a render of the batch has a status, or has ended before it was seen to.
func (b *batch) awaitAny(ctx context.Context, status string) error {
	return await(ctx, b.d.run.patience, "a render that is "+status, func(ctx context.Context) (bool, error) {
		for _, id := range b.ids {
			r, err := b.d.render(ctx, id)
			if err != nil || r.Status == status || r.Status == "done" {
				return err == nil, err
			}
		}
		return false, nil
	})
}

// check waits until all renders of the batch are done, and looks at each video.
func (b *batch) check(ctx context.Context) error {
	began := time.Now()
	for _, id := range b.ids {
		var last render
		err := await(ctx, b.d.run.patience, "render "+id, func(ctx context.Context) (over bool, err error) {
			// The console may be away for a moment.
			if last, err = b.d.render(ctx, id); err != nil {
				return false, err
			}
			return ended(last.Status), nil
		})
		if err != nil {
			return fmt.Errorf("%w; it is %+v", err, last)
		}
		if last.Status != "done" {
			return fmt.Errorf("render %s is %s: %s", id, last.Status, last.ErrorMessage)
		}
		if frames, err := countFrames(ctx, last.FinalVideoURL); err != nil || frames != wantFrames {
			return fmt.Errorf("the video of render %s has %d frames, want %d (%w)", id, frames, wantFrames, orNil(err))
		}
	}
	b.d.run.log.Add("%d renders are done, %d frames each (%s after the last step)", len(b.ids), wantFrames, time.Since(began).Round(time.Second))
	return nil
}

// countFrames decodes a video.
func countFrames(ctx context.Context, url string) (int, error) {
	out, err := exec.CommandContext(ctx, "ffprobe", "-v", "error", "-count_frames", "-select_streams", "v",
		"-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", url).Output()
	if err != nil {
		return 0, fmt.Errorf("ffprobe: %w", err)
	}
	return strconv.Atoi(trim(string(out)))
}

// finished returns the sums of the videos of all renders that are done.
func (d *deployment) finished(ctx context.Context) (map[string]string, error) {
	out, err := d.compose(ctx, "exec", "-T", "postgres", "psql", "-U", "loom", "-d", "loom", "-Atc", "select id from renders where status = 'done'")
	if err != nil {
		return nil, err
	}
	sums := map[string]string{}
	for _, id := range fields(out) {
		if sums[id], err = d.sum(ctx, id); err != nil {
			return nil, err
		}
	}
	if len(sums) == 0 {
		return nil, errors.New("no render is done")
	}
	return sums, nil
}

// sum returns the SHA-256 of a render's video, by a signed URL of the API.
func (d *deployment) sum(ctx context.Context, id string) (string, error) {
	var all struct {
		Items []struct {
			Name string `json:"name"`
			URL  string `json:"url"`
		} `json:"items"`
	}
	if err := d.ask(ctx, http.MethodGet, "/v1/renders/"+id+"/artifacts", nil, &all); err != nil {
		return "", err
	}
	for _, a := range all.Items {
		if a.Name == "video" {
			return sumOf(ctx, a.URL)
		}
	}
	return "", fmt.Errorf("render %s has no video", id)
}

// sumOf returns the SHA-256 of what a URL answers.
func sumOf(ctx context.Context, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, response.Body); err != nil || response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("get a video: %s, %w", response.Status, orNil(err))
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
