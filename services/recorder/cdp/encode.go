package cdp

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
)

// request is one call as it goes over the pipe.
type request struct {
	ID        int    `json:"id"`
	SessionID string `json:"sessionId,omitempty"`
	Method    string `json:"method"`
	Params    any    `json:"params,omitempty"`
}

// encode writes v, which rod describes by its JSON, as Chrome's CBOR.
func encode(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	t := transcoder{text: text, out: make([]byte, 0, len(text)+64)}
	if err := t.value(); err != nil {
		return nil, err
	}
	return t.out, nil
}

// transcoder turns JSON into CBOR, of which each frame takes some: JSON as encoding/json writes it, valid and without spaces.
type transcoder struct {
	text []byte // what is left
	out  []byte
}

func (t *transcoder) value() error {
	switch t.text[0] {
	case '{':
		return t.envelope(mapStart, '}')
	case '[':
		return t.envelope(arrayStart, ']')
	case '"':
		return t.string()
	case 't':
		return t.literal("true", valTrue)
	case 'f':
		return t.literal("false", valFalse)
	case 'n':
		return t.literal("null", valNull)
	}
	return t.number()
}

// envelope takes a map or an array: an envelope, whose length is filled in at its end.
func (t *transcoder) envelope(start, end byte) error {
	begin := len(t.out)
	t.out = append(t.out, envelopeTag1, envelopeTag2, envelopeType, 0, 0, 0, 0, start)
	for t.text = t.text[1:]; t.text[0] != end; {
		if err := t.value(); err != nil { // in a map, keys and values in turn
			return err
		}
		if c := t.text[0]; c == ',' || c == ':' {
			t.text = t.text[1:]
		}
	}
	t.text = t.text[1:]
	t.out = append(t.out, stop)
	n := len(t.out) - begin - envelopeHeader
	if n > math.MaxUint32 {
		return fmt.Errorf("a message of %d bytes is too long", n)
	}
	binary.BigEndian.PutUint32(t.out[begin+3:], uint32(n))
	return nil
}

func (t *transcoder) literal(text string, as byte) error {
	t.text, t.out = t.text[len(text):], append(t.out, as)
	return nil
}

func (t *transcoder) string() error {
	escaped := false
	end := 1
	for ; t.text[end] != '"'; end++ {
		if t.text[end] == '\\' {
			escaped = true
			end++
		}
	}
	quoted := t.text[:end+1]
	t.text = t.text[end+1:]
	content := quoted[1:end]
	if escaped {
		var s string
		if err := json.Unmarshal(quoted, &s); err != nil {
			return err
		}
		content = []byte(s)
	}
	t.out = append(appendHead(t.out, 3, uint64(len(content))), content...)
	return nil
}

// number takes a 32-bit integer as one, and any other number as a double: Chrome reads no others.
func (t *transcoder) number() error {
	end := bytes.IndexAny(t.text, ",]}")
	if end < 0 {
		end = len(t.text)
	}
	number := string(t.text[:end])
	t.text = t.text[end:]
	if i, err := strconv.ParseInt(number, 10, 32); err == nil {
		if i < 0 {
			t.out = appendHead(t.out, 1, uint64(-1-i))
		} else {
			t.out = appendHead(t.out, 0, uint64(i))
		}
		return nil
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return err
	}
	t.out = binary.BigEndian.AppendUint64(append(t.out, valDouble), math.Float64bits(f))
	return nil
}

// appendHead appends an initial byte with its argument in the shortest form.
func appendHead(dst []byte, major byte, arg uint64) []byte {
	major <<= 5
	switch {
	case arg < 24:
		return append(dst, major|byte(arg))
	case arg <= math.MaxUint8:
		return append(dst, major|24, byte(arg))
	case arg <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, major|25), uint16(arg))
	case arg <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(dst, major|26), uint32(arg))
	}
	return binary.BigEndian.AppendUint64(append(dst, major|27), arg)
}
