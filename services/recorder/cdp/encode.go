package cdp

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
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
	w := cborWriter{text: text, out: make([]byte, 0, len(text)+64)}
	if err := w.value(); err != nil {
		return nil, err
	}
	return w.out, nil
}

// cborWriter turns JSON into CBOR. The JSON is as encoding/json writes it: valid, and without
// spaces.
type cborWriter struct {
	text  []byte // what is left
	out   []byte
	depth int
}

func (w *cborWriter) value() error {
	switch w.text[0] {
	case '{':
		return w.envelope(mapStart, '}')
	case '[':
		return w.envelope(arrayStart, ']')
	case '"':
		return w.string()
	case 't':
		return w.literal("true", valTrue)
	case 'f':
		return w.literal("false", valFalse)
	case 'n':
		return w.literal("null", valNull)
	}
	return w.number()
}

// envelope takes a map or an array: an envelope, whose length is filled in at its end.
func (w *cborWriter) envelope(start, end byte) error {
	if w.depth++; w.depth > maxDepth/2 { // an envelope and what is in it are two levels
		return fmt.Errorf("more than %d maps and arrays within one another", maxDepth/2)
	}
	begin := len(w.out)
	w.out = append(w.out, envelopeTag1, envelopeTag2, envelopeType, 0, 0, 0, 0, start)
	for w.text = w.text[1:]; w.text[0] != end; {
		if err := w.value(); err != nil { // in a map, keys and values in turn
			return err
		}
		if c := w.text[0]; c == ',' || c == ':' {
			w.text = w.text[1:]
		}
	}
	w.depth--
	w.text = w.text[1:]
	w.out = append(w.out, stop)
	n := len(w.out) - begin - envelopeHeader
	if n > math.MaxUint32 {
		return fmt.Errorf("a message of %d bytes is too long", n)
	}
	binary.BigEndian.PutUint32(w.out[begin+3:], uint32(n))
	return nil
}

func (w *cborWriter) literal(text string, as byte) error {
	w.text, w.out = w.text[len(text):], append(w.out, as)
	return nil
}

func (w *cborWriter) string() error {
	escaped := false
	end := 1
	for ; w.text[end] != '"'; end++ {
		if w.text[end] == '\\' {
			escaped = true
			end++
		}
	}
	quoted := w.text[:end+1]
	w.text = w.text[end+1:]
	content := quoted[1:end]
	if escaped || !utf8.Valid(content) { // what is no UTF-8 is replaced
		var s string
		if err := json.Unmarshal(quoted, &s); err != nil {
			return err
		}
		content = []byte(s)
	}
	w.out = append(appendHead(w.out, 3, uint64(len(content))), content...)
	return nil
}

// number takes a 32-bit integer as one, and any other number as a double: Chrome reads no others.
func (w *cborWriter) number() error {
	end := bytes.IndexAny(w.text, ",]}")
	if end < 0 {
		end = len(w.text)
	}
	number := string(w.text[:end])
	w.text = w.text[end:]
	if i, err := strconv.ParseInt(number, 10, 32); err == nil {
		if i < 0 {
			w.out = appendHead(w.out, 1, uint64(-1-i))
		} else {
			w.out = appendHead(w.out, 0, uint64(i))
		}
		return nil
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return err
	}
	w.out = binary.BigEndian.AppendUint64(append(w.out, valDouble), math.Float64bits(f))
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
