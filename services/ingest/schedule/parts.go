package schedule

import (
	"encoding/json"

	"github.com/loom-lite/loom-lite/pkg/budget"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/ingest/plan"
)

// bytesOfURL is what a URL takes in a grant beyond its length.
const bytesOfURL = 48

// room returns how many bytes of a grant are left for the URLs of parts. A grant is one message.
func room(g granted) int {
	left := msg.MaxSize - len(g.params) - budget.File*(1+len(g.inputs)+len(g.outputs))
	for _, in := range g.inputs {
		left -= len(in.Facts)
	}
	return max(left, 0)
}

// partsOf returns how many objects an input may have after its first. The facts of the task that
// wrote it may say how many bytes it has; an input that is still being written may have any number.
func partsOf(in grantedInput) int {
	var made struct {
		Bytes int64 `json:"bytes"`
	}
	bound := plan.PartBytes(in.Key)
	if bound == 0 || json.Unmarshal(in.Facts, &made) != nil || made.Bytes <= 0 {
		return allParts(bound)
	}
	return int(min(made.Bytes/bound, msg.MaxObject/bound))
}

// allParts returns how many objects a file of msg.MaxObject has after its first.
func allParts(bound int64) int {
	if bound == 0 {
		return 0
	}
	return int(msg.MaxObject / bound)
}

// signParts signs the URL of key's object and, where the file may be in several objects, the URLs
// of those after it: at most most of them, and no more than there is room for.
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
