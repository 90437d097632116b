package webhooks

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// secretPrefix marks a secret.
const secretPrefix = "whsec_"

// Sizes of secrets in bytes.
const (
	minSecret = 24
	maxSecret = 64
	newSecret = 32
)

// ErrSecret says that a secret is not one by the specification.
var ErrSecret = errors.New("a secret is whsec_ and the base64 of 24 to 64 bytes")

// Secret is what an endpoint's signatures are made with. Its text is shown once, to who made it.
type Secret []byte

// NewSecret returns a secret that nobody knows.
func NewSecret() Secret {
	s := make(Secret, newSecret)
	_, _ = rand.Read(s) // never fails, by its contract
	return s
}

// ParseSecret reads a secret as String writes it.
func ParseSecret(text string) (Secret, error) {
	encoded, found := strings.CutPrefix(text, secretPrefix)
	s, err := base64.StdEncoding.DecodeString(encoded)
	if !found || err != nil || len(s) < minSecret || len(s) > maxSecret {
		return nil, ErrSecret
	}
	return s, nil
}

// String returns the secret as receivers write it into their settings.
func (s Secret) String() string { return secretPrefix + base64.StdEncoding.EncodeToString(s) }

// Keeper seals secrets before they are stored. Without a key they are stored as they are: who may
// read loom.webhook_secrets, the owner of the database and the console's role, knows them. With one
// the database alone does not suffice.
type Keeper struct{ keys []cipher.AEAD }

// ErrKey says that WEBHOOK_KEY is not a list of keys.
var ErrKey = errors.New("a key is the base64 of 32 bytes")

// NewKeeper reads keys, the base64 of 32 bytes each, divided by commas. The first one seals, and
// all of them open. Empty: no key.
func NewKeeper(keys string) (*Keeper, error) {
	k := &Keeper{}
	for _, text := range strings.Split(keys, ",") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		key, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(key) != 32 {
			return nil, ErrKey
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, ErrKey
		}
		sealer, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, ErrKey
		}
		k.keys = append(k.keys, sealer)
	}
	return k, nil
}

// The first byte of what is stored.
const (
	asItIs = 0
	sealed = 1
)

// seal returns a secret of an endpoint as it is stored. It is of no use to another endpoint.
func (k *Keeper) seal(endpoint uuid.UUID, s Secret) []byte {
	if len(k.keys) == 0 {
		return append([]byte{asItIs}, s...)
	}
	// It chooses a nonce itself.
	return k.keys[0].Seal([]byte{sealed}, nil, s, endpoint[:]) //nolint:gosec // see above
}

// errSealed says that a secret was sealed with a key that this console does not have.
var errSealed = errors.New("its secret is sealed with a key that WEBHOOK_KEY does not have")

func (k *Keeper) open(endpoint uuid.UUID, stored []byte) (Secret, error) {
	switch {
	case len(stored) > 0 && stored[0] == asItIs:
		return slices.Clone(stored[1:]), nil
	case len(stored) > 0 && stored[0] == sealed:
		for _, key := range k.keys {
			if s, err := key.Open(nil, nil, stored[1:], endpoint[:]); err == nil {
				return s, nil
			}
		}
		return nil, errSealed
	}
	return nil, fmt.Errorf("a secret of endpoint %s cannot be read", endpoint)
}
