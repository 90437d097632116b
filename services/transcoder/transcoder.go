package transcoder

import (
	"fmt"

	"github.com/loom-lite/loom-lite/pkg/egress"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/service"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/bubble"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/fetch"
	"github.com/loom-lite/loom-lite/services/transcoder/internal/ffmpeg"
)

// Transcoder works on tasks of all five kinds. It needs no NATS: Run connects it.
type Transcoder struct {
	tools                ffmpeg.Tools
	facecams, watermarks fetch.Fetcher
	// examining has room for as many facecams as may be examined at once; nil for any number.
	examining chan struct{}
	// cache holds facecams that were fetched from the store.
	cache *fetch.Cache
	// pictures holds the last bubble's plate and mask.
	pictures *bubble.Pictures
	// threads is how many threads an encoder may use.
	threads   int
	closeIdle func()
}

// New returns the transcoder that cfg describes. The caller closes it. New does not try FFmpeg:
// CheckFFmpeg does.
func New(cfg Config) (*Transcoder, error) {
	policy, err := egress.Parse(cfg.EgressAllow)
	if err != nil {
		return nil, fmt.Errorf("EGRESS_ALLOW: %w", err)
	}
	client := policy.Client()
	return &Transcoder{
		tools: ffmpeg.Tools{FFmpeg: cfg.FFmpegPath, FFprobe: cfg.FFprobePath},
		facecams: fetch.Fetcher{
			Client: client, Subject: fetch.Facecam, MaxBytes: cfg.FacecamMaxBytes, Timeout: cfg.FacecamTimeout, MinRate: cfg.FetchMinRate,
		},
		watermarks: fetch.Fetcher{
			Client: client, Subject: fetch.Watermark, MaxBytes: maxWatermark, Timeout: watermarkTimeout, MinRate: cfg.FetchMinRate,
		},
		examining: make(chan struct{}, cfg.Slots),
		cache:     &fetch.Cache{MaxBytes: cfg.FacecamMaxBytes},
		pictures:  new(bubble.Pictures),
		threads:   (service.Cores() + cfg.Slots - 1) / cfg.Slots,
		closeIdle: client.CloseIdleConnections,
	}, nil
}

// Handlers returns the handler of each kind of task. They may be called at the same time, and not
// after Close.
func (t *Transcoder) Handlers() map[msg.Kind]stage.Handler {
	return map[msg.Kind]stage.Handler{
		msg.Probe:     stage.HandlerFunc(t.probe),
		msg.Draw:      stage.HandlerFunc(t.draw),
		msg.Normalize: stage.HandlerFunc(t.normalize),
		msg.Concat:    stage.HandlerFunc(t.concat),
		msg.Overlay:   stage.HandlerFunc(t.overlay),
	}
}

// Close closes idle connections and empties the cache of facecams. No handler may be running.
func (t *Transcoder) Close() {
	t.closeIdle()
	t.cache.Close()
}
