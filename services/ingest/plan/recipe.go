package plan

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/options"
)

// recipeVersion changes when recipes are made of something else, or mean something else.
const recipeVersion = 1

// Naming is what the outputs of a plan's tasks are named by, beside what the tasks are.
type Naming struct {
	// Secret keys the hashes, so nobody who reads them can try out what was hashed.
	Secret []byte
	// Owner is whose the campaign is. Nothing is shared between owners.
	Owner string
	// Render is the render that is planned.
	Render uuid.UUID
	// MaxAge is how old what comes from the network may be, where the campaign does not say.
	MaxAge time.Duration
}

// recipe is what is hashed. Versions of the workers' tools are compared when outputs are looked up:
// what a task will be made with is not known before it is granted.
type recipe struct {
	Version int               `json:"version"`
	Scope   string            `json:"scope"`
	Kind    msg.Kind          `json:"kind"`
	Params  any               `json:"params"`
	Outputs map[string]Output `json:"outputs"`
}

// Name gives the tasks that Build made of r their recipes. Two tasks whose inputs are the same
// objects write the same if they have one recipe; those without inputs, if the network gives them
// the same.
//
// What is made with options that may be secret, or for a campaign or scene whose cache is off, has
// the render and the task's place in its recipe: only a retry of that render uses it again. An
// upload has no recipe.
func (r *Render) Name(tasks []Task, n Naming) error {
	for i := range tasks {
		t := &tasks[i]
		own := recipe{Version: recipeVersion, Scope: "owner " + n.Owner, Kind: t.Kind, Params: t.Params, Outputs: t.Outputs}
		cache := r.Output.Cache
		secret := false
		switch p := t.Params.(type) {
		case msg.UploadParams:
			continue
		case msg.RecordParams:
			cache, secret = cmp.Or(p.Options.Cache, cache), p.Options.Secret()
			p.Scene, p.Options.Cache = 0, ""
			p.Shown, p.Private = "", nil
			own.Params = p
		case msg.NormalizeParams:
			p.Scene = 0
			own.Params = p
		}
		if len(t.Inputs) == 0 {
			age := n.MaxAge
			if given, ok := options.CacheAge(cache); ok {
				age = given
			}
			if cache == options.CacheOff || secret {
				own.Scope, age = fmt.Sprintf("render %s, %s %d", n.Render, t.Kind, t.Seq), 0
			}
			seconds := age.Seconds()
			t.MaxAge = &seconds
		}
		text, err := json.Marshal(own)
		if err != nil {
			return fmt.Errorf("name the outputs of a %s: %w", t.Kind, err)
		}
		t.Recipe = Hash(n.Secret, text)
	}
	return nil
}

// Hash names a text, as hexadecimal digits, so that nobody who reads it can try out what the text
// says: Naming.Secret is its key.
func Hash(secret, text []byte) string {
	hash := hmac.New(sha256.New, secret)
	_, _ = hash.Write(text)
	return hex.EncodeToString(hash.Sum(nil))
}
