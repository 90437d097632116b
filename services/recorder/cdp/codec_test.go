package cdp

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

func TestEncodedMessagesAreValidCBORAndReadBackTheSame(t *testing.T) {
	for _, text := range []string{
		`{}`, `[]`, `null`, `true`, `false`, `0`, `23`, `24`, `255`, `256`, `65536`, `2147483647`, `-1`, `-25`, `-2147483648`,
		`1.5`, `2147483648`, `"text"`, `"Grüße, 世界 😀"`, `"` + strings.Repeat("x", 70000) + `"`,
		`{"id":1,"method":"Page.enable","params":{"a":[1,2,{"b":null}],"c":"","d":-1.25}}`,
	} {
		raw, err := encode(json.RawMessage(text))
		if err != nil {
			t.Fatalf("encode %.40s: %v", text, err)
		}
		if err := cbor.Wellformed(raw); err != nil {
			t.Errorf("encode %.40s: not CBOR: %v", text, err)
		}
		got, err := Raw(raw).JSON()
		if err != nil {
			t.Fatalf("decode %.40s: %v", text, err)
		}
		if !sameJSON(t, got, []byte(text)) {
			t.Errorf("%.40s came back as %.40s", text, got)
		}
	}
}

func sameJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	var x, y any
	if err := errors.Join(json.Unmarshal(a, &x), json.Unmarshal(b, &y)); err != nil {
		t.Fatal(err)
	}
	return reflect.DeepEqual(x, y)
}

// What Chrome writes and we do not: binary, and text that is not Latin, as UTF-16.
func TestDecodingWhatOnlyChromeWrites(t *testing.T) {
	message := func(content ...byte) Raw {
		return append([]byte{envelopeTag1, envelopeTag2, envelopeType, 0, 0, 0, byte(len(content))}, content...)
	}
	binary := message(mapStart, 0x61, 'd', binaryTag, 0x43, 1, 2, 3, 0x61, 'x', valTrue, stop)
	if got, err := binary.JSON(); err != nil || string(got) != `{"d":"AQID","x":true}` {
		t.Errorf("binary became %s, %v", got, err)
	}
	if got := binary.Bytes("d"); !bytes.Equal(got, []byte{1, 2, 3}) {
		t.Errorf("Bytes returned %v", got)
	}
	if !binary.Bool("x") || binary.Bool("d") || binary.Bool("none") || binary.Bytes("x") != nil || binary.Bytes("none") != nil {
		t.Error("Bool or Bytes found what is not there, or not what is")
	}
	utf16 := message(mapStart, 0x61, 's', 0x44, 0x16, 0x4e, 0x4c, 0x75, stop)
	if got, err := utf16.JSON(); err != nil || string(got) != `{"s":"世界"}` {
		t.Errorf("UTF-16 became %s, %v", got, err)
	}
}

func TestMalformedMessagesAreErrors(t *testing.T) {
	for _, raw := range []Raw{
		{mapStart}, {mapStart, 0x61}, {envelopeTag1}, {0x1c}, {0x5f}, {0xc0, 0x00},
		{envelopeTag1, envelopeTag2, envelopeType, 0, 0, 0, 9, mapStart, stop},
		{envelopeTag1, envelopeTag2, envelopeType, 0xff, 0xff, 0xff, 0xff, mapStart, stop},
		bytes.Repeat([]byte{arrayStart}, 100_000),
	} {
		if got, err := raw.JSON(); err == nil {
			t.Errorf("% x became %s", raw[:min(len(raw), 9)], got)
		}
	}
}

// Whatever comes over the pipe, decoding ends with JSON or with an error.
func FuzzDecode(f *testing.F) {
	for _, text := range []string{`{"id":1,"result":{"hasDamage":true}}`, `{"method":"x","params":[1.5,"a",null]}`} {
		raw, err := encode(json.RawMessage(text))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add([]byte{mapStart, 0x61, 'd', binaryTag, 0x43, 1, 2, 3, stop})
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = parse(data)
		_, _ = Raw(data).Bytes("screenshotData"), Raw(data).Bool("hasDamage")
		if text, err := Raw(data).JSON(); err == nil && !json.Valid(text) {
			t.Errorf("% x became %s, which is not JSON", data, text)
		}
	})
}
