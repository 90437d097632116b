package cdp

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"
	"github.com/go-rod/rod/lib/proto"
)

func TestEncodedMessagesAreValidCBORAndReadBackTheSame(t *testing.T) {
	for _, text := range []string{
		`{}`, `[]`, `null`, `true`, `false`, `0`, `23`, `24`, `255`, `256`, `65536`, `2147483647`, `-1`, `-25`, `-2147483648`,
		`1.5`, `2147483648`, `"text"`, `"Grüße, 世界 😀"`, `""`, `"a\"b\\"`, `"\\\""`, `"\u00e9\n"`, `[[],{},[1,[-1]],""]`, `[1e3,-0,0.1,1E-7]`, `"` + strings.Repeat("x", 70000) + `"`,
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

func TestWhatIsTooDeepForChromeIsNotSent(t *testing.T) {
	for n, sent := range map[int]bool{maxDepth / 2: true, maxDepth/2 + 1: false} {
		raw, err := encode(json.RawMessage(strings.Repeat("[", n) + strings.Repeat("]", n)))
		if sent != (err == nil) {
			t.Errorf("%d arrays within one another: %v", n, err)
		}
		if _, err := Raw(raw).JSON(); sent && err != nil {
			t.Errorf("%d arrays within one another do not come back: %v", n, err)
		}
	}
}

func TestTextThatIsNoUTF8IsMendedBeforeItIsSent(t *testing.T) {
	raw, err := encode(json.RawMessage("\"a\xffb\""))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Raw(raw).JSON(); err != nil || !sameJSON(t, got, []byte(`"a\ufffdb"`)) {
		t.Errorf("it came back as %q, %v", got, err)
	}
	if !utf8.Valid(raw[bytes.IndexByte(raw, 'a'):]) {
		t.Errorf("% x was sent", []byte(raw))
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

func TestNumbersAreReadAsTheyAre(t *testing.T) {
	raw, err := encode(json.RawMessage(`{"whole":7,"less":-300,"large":100000,"part":1234.5,"text":"1","none":null}`))
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]float64{"whole": 7, "less": -300, "large": 100000, "part": 1234.5} {
		if got, ok := Raw(raw).Float(key); !ok || got != want {
			t.Errorf("%s is %v, %t, want %v", key, got, ok, want)
		}
	}
	for _, key := range []string{"text", "none", "missing"} {
		if got, ok := Raw(raw).Float(key); ok {
			t.Errorf("%s is %v, want none", key, got)
		}
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

// Whatever is sent, Chrome gets what its JSON says.
func FuzzEncode(f *testing.F) {
	f.Add([]byte(`{"id":1,"method":"Page.enable","params":{"a":[1,2.5,{"b":null}],"c":"\\\"","d":-1e3,"e":true}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		raw, err := encode(json.RawMessage(text))
		if err != nil {
			return // no JSON, or a number that is none of Chrome's
		}
		if got, err := Raw(raw).JSON(); err != nil || !sameJSON(t, got, text) {
			t.Errorf("%q came back as %q, %v", text, got, err)
		}
	})
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

func BenchmarkEncode(b *testing.B) {
	ticks, interval := 123456.7, 16.666666666666668
	params := proto.HeadlessExperimentalBeginFrame{FrameTimeTicks: &ticks, Interval: &interval}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := encode(request{ID: 1, SessionID: "0123456789ABCDEF0123456789ABCDEF", Method: params.ProtoReq(), Params: params}); err != nil {
			b.Fatal(err)
		}
	}
}
