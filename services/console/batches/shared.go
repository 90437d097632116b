package batches

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"regexp"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/loom-lite/loom-lite/pkg/variables"
	"github.com/loom-lite/loom-lite/services/console/renders"
)

// Shared is how much of what a list needs is the same for several of its rows, and made once.
type Shared struct {
	Total    int `json:"total" doc:"How many the rows need together."`
	Distinct int `json:"distinct" doc:"How many of them differ: the others are made once, and used again."`
}

// scene is what renders of a campaign share, or not, of a scene.
type scene struct {
	url string
	// variables are those by which its recordings differ.
	variables []string
	// alone: it is recorded for each render.
	alone bool
}

// sharing counts what rows share.
type sharing struct {
	seed   maphash.Seed
	scenes []scene
	// whole are the variables by which all pictures of a video differ: those of the facecam's and
	// the watermark's address, and of captions that are drawn.
	whole                []string
	recordings, segments map[uint64]struct{}
	rows                 int
	full                 bool
}

// mostKeys bounds what is remembered to count what differs.
const mostKeys = 1_000_000

func newSharing(scenes []scene, whole []string) *sharing {
	return &sharing{seed: maphash.MakeSeed(), scenes: scenes, whole: whole, recordings: map[uint64]struct{}{}, segments: map[uint64]struct{}{}}
}

// add counts a row.
func (s *sharing) add(given variables.Values) {
	s.rows++
	for i, scene := range s.scenes {
		if len(s.recordings)+len(s.segments) > mostKeys {
			s.full = true
			return
		}
		var h maphash.Hash
		h.SetSeed(s.seed)
		_, _ = fmt.Fprintf(&h, "scene %d", i)
		if scene.alone {
			_, _ = fmt.Fprintf(&h, " row %d", s.rows)
		}
		write(&h, scene.variables, given)
		s.recordings[h.Sum64()] = struct{}{}
		write(&h, s.whole, given)
		s.segments[h.Sum64()] = struct{}{}
	}
}

func write(h *maphash.Hash, names []string, given variables.Values) {
	for _, name := range names {
		value, there := given[name]
		_, _ = fmt.Fprintf(h, " %t %d %s", there, len(value), value)
	}
}

// recorded and encoded are what was counted; nil: there are too many to tell.
func (s *sharing) recorded() *Shared { return s.shared(s.recordings) }

func (s *sharing) encoded() *Shared { return s.shared(s.segments) }

func (s *sharing) shared(keys map[uint64]struct{}) *Shared {
	if s == nil || s.full {
		return nil
	}
	return &Shared{Total: s.rows * len(s.scenes), Distinct: len(keys)}
}

var inText = regexp.MustCompile(`\{\{[ \t]*([A-Za-z][A-Za-z0-9_]{0,62})`)

// variablesIn are the variables that stand in texts.
func variablesIn(texts ...string) (names []string) {
	for _, text := range texts {
		for _, m := range inText.FindAllStringSubmatch(text, -1) {
			names = append(names, m[1])
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// scenesOf reads the scenes of a campaign that is there.
func scenesOf(ctx context.Context, db querier, campaign uuid.UUID) ([]scene, error) {
	rows, err := db.Query(ctx, "select s.url, s.variables, s.alone from loom.scenes_of($1::uuid) s", campaign)
	if err != nil {
		return nil, fmt.Errorf("read scenes: %w", err)
	}
	var s scene
	var list []scene
	_, err = pgx.ForEachRow(rows, []any{&s.url, &s.variables, &s.alone}, func() error {
		list = append(list, scene{url: s.url, variables: append(variablesIn(s.url), s.variables...), alone: s.alone})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read scenes: %w", err)
	}
	return list, nil
}

// scenesIn are the scenes of a campaign that is sent along.
func scenesIn(s *renders.Submission) (list []scene) {
	for _, sc := range s.Scenes {
		var options struct {
			Cache     string            `json:"cache"`
			Headers   map[string]string `json:"headers"`
			Cookies   []json.RawMessage `json:"cookies"`
			BasicAuth json.RawMessage   `json:"basic_auth"`
			Actions   []struct {
				Text string `json:"text"`
			} `json:"actions"`
		}
		_ = json.Unmarshal(sc.Options, &options) // they were checked when the campaign was read
		one := scene{url: sc.URL, variables: variablesIn(sc.URL, string(sc.Options))}
		one.alone = options.Cache == "off" || len(options.Headers) > 0 || len(options.Cookies) > 0 || options.BasicAuth != nil
		for _, action := range options.Actions {
			one.alone = one.alone || action.Text != ""
		}
		list = append(list, one)
	}
	return list
}
