package campaign

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// MaxMetadata bounds a campaign's metadata in bytes. With it, the body of a webhook stays below 20
// kB.
const MaxMetadata = 8192

// CheckMetadata returns what is wrong with a campaign's metadata: it is not an object, or too
// large. Nil is none, which is right.
func CheckMetadata(metadata json.RawMessage) error {
	if metadata == nil {
		return nil
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, metadata); err != nil || compact.Bytes()[0] != '{' {
		return errors.New("this is not a group of fields")
	}
	// Postgres writes a space behind each comma and colon.
	if n := compact.Len() + bytes.Count(compact.Bytes(), []byte(",")) + bytes.Count(compact.Bytes(), []byte(":")); n > MaxMetadata {
		return fmt.Errorf("these are %d bytes, and at most %d are passed on to webhooks", n, MaxMetadata)
	}
	// Postgres stores no text with this character.
	if bytes.Contains(metadata, []byte(`\u0000`)) {
		return errors.New(`a text holds \u0000`)
	}
	return nil
}
