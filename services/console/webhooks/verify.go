package webhooks

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// Received is a message that a receiver has got.
type Received struct {
	// ID is the same each time the message is sent.
	ID string `json:"webhook_id"`
	// SentAt is the header's, in seconds.
	SentAt string `json:"webhook_timestamp"`
	Message
}

// Verify reads a message that was received, as receivers should: its signature is made with the
// secret, and it was sent within five minutes.
func Verify(secret Secret, header http.Header, text []byte) (Received, error) {
	verifier, err := standardwebhooks.NewWebhookRaw(secret)
	if err != nil {
		return Received{}, fmt.Errorf("verify a message: %w", err)
	}
	if err := verifier.Verify(text, header); err != nil {
		return Received{}, fmt.Errorf("verify a message: %w", err)
	}
	r := Received{ID: header.Get(standardwebhooks.HeaderWebhookID), SentAt: header.Get(standardwebhooks.HeaderWebhookTimestamp)}
	if err := json.Unmarshal(text, &r.Message); err != nil || r.Timestamp.Equal(time.Time{}) {
		return Received{}, fmt.Errorf("verify a message: it is signed, and its body is none of ours")
	}
	return r, nil
}
