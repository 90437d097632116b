package webhooks

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/google/uuid"
)

func key(b byte) string { return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, 32)) }

func TestSecretsAreThoseOfTheSpecification(t *testing.T) {
	for _, size := range []int{24, 32, 64} {
		text := secretPrefix + base64.StdEncoding.EncodeToString(make([]byte, size))
		if s, err := ParseSecret(text); err != nil || s.String() != text {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
	for _, wrong := range []string{"", "whsec_", "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 23)),
		"whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 65)), base64.StdEncoding.EncodeToString(make([]byte, 32)), "whsec_" + strings.Repeat("!", 44)} {
		if _, err := ParseSecret(wrong); err == nil || strings.Contains(err.Error(), wrong) && wrong != "" && wrong != "whsec_" {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	if a, b := NewSecret(), NewSecret(); a.String() == b.String() || len(a) < minSecret {
		t.Error("secrets are alike, or short")
	}
}

func TestSealedSecretsAreOpenedWithTheirKeyForTheirEndpointAlone(t *testing.T) {
	keeper := func(keys string) *Keeper {
		k, err := NewKeeper(keys)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	id, secret := uuid.New(), NewSecret()
	stored := keeper(key(1)).seal(id, secret)
	if bytes.Contains(stored, secret) {
		t.Error("what is stored has the secret in it")
	}
	for name, c := range map[string]struct {
		keys  string
		id    uuid.UUID
		opens bool
	}{
		"its key": {key(1), id, true}, "a new key and its own": {key(2) + ", " + key(1), id, true},
		"another key": {key(2), id, false}, "no key": {"", id, false}, "another endpoint": {key(1), uuid.New(), false},
	} {
		got, err := keeper(c.keys).open(c.id, stored)
		if (err == nil) != c.opens || c.opens && !bytes.Equal(got, secret) {
			t.Errorf("with %s: %v", name, err)
		}
	}
	plain := keeper("").seal(id, secret)
	if got, err := keeper(key(1)).open(id, plain); err != nil || !bytes.Equal(got, secret) {
		t.Errorf("one that was stored before there was a key: %v", err)
	}
	for _, wrong := range []string{"x", key(1)[:20], key(1) + "x"} {
		if _, err := NewKeeper(wrong); err == nil {
			t.Errorf("%q is taken for a key", wrong)
		}
	}
}
