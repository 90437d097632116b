package schedule

import (
	"encoding/json"

	"github.com/loom-lite/loom-lite/pkg/budget"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/ingest/plan"
)

// bytesOfURL is what a URL takes in a grant beyond its length.
const bytesOfURL = 48

// room is how many bytes of a grant are left for URLs of parts: it is one message.
func room(g granted) int {
	left := msg.MaxSize - len(g.params) - budget.File*(1+len(g.inputs)+len(g.outputs))
	for _, in := range g.inputs {
		left -= len(in.Facts)
	}
	return max(left, 0)
}

// behind is how many objects may be behind an input's first. What wrote it may say how many bytes
// it has, or more; an input whose maker is still at work may have any.
func behind(in grantedInput) int {
	var made struct {
		Bytes int64 `json:"bytes"`
	}
	bound := plan.PartBytes(in.Key)
	if bound == 0 || json.Unmarshal(in.Facts, &made) != nil || made.Bytes <= 0 {
		return allParts(bound)
	}
	return int(min(made.Bytes/bound, msg.MaxObject/bound))
}

// allParts is how many objects are behind the first of a file of msg.MaxObject.
func allParts(bound int64) int {
	if bound == 0 {
		return 0
	}
	return int(msg.MaxObject / bound)
}

// signParts signs the URL of key's object and, where the file may be in several, those of the
// objects behind it: most, or as many as there is room for.
func signParts(key string, most, room int, sign func(key string) (msg.SignedURL, error)) (first msg.SignedURL, parts msg.Parts, err error) {
	if first, err = sign(key); err != nil {
		return "", parts, err
	}
	parts.Bytes = plan.PartBytes(key)
	for place := 1; place <= min(most, room/(len(first)+bytesOfURL)); place++ {
		url, err := sign(msg.PartKey(key, place))
		if err != nil {
			return "", parts, err
		}
		parts.More = append(parts.More, url)
	}
	return first, parts, nil
}
