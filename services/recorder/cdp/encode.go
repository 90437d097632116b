package cdp

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
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
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	return appendCBOR(make([]byte, 0, len(text)+64), dec)
}

// appendCBOR appends the next JSON value of dec.
func appendCBOR(dst []byte, dec *json.Decoder) ([]byte, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch v := token.(type) {
	case json.Delim:
		return appendEnvelope(dst, dec, v)
	case string:
		return appendString(dst, v), nil
	case json.Number:
		return appendNumber(dst, v)
	case bool:
		if v {
			return append(dst, valTrue), nil
		}
		return append(dst, valFalse), nil
	}
	return append(dst, valNull), nil
}

// appendEnvelope appends a map or an array: an envelope, whose length is filled in at its end.
func appendEnvelope(dst []byte, dec *json.Decoder, open json.Delim) ([]byte, error) {
	begin := len(dst)
	dst = append(dst, envelopeTag1, envelopeTag2, envelopeType, 0, 0, 0, 0)
	if open == '{' {
		dst = append(dst, mapStart)
	} else {
		dst = append(dst, arrayStart)
	}
	for dec.More() {
		var err error
		if dst, err = appendCBOR(dst, dec); err != nil { // in a map, keys and values in turn
			return nil, err
		}
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	dst = append(dst, stop)
	n := len(dst) - begin - envelopeHeader
	if n > math.MaxUint32 {
		return nil, fmt.Errorf("a message of %d bytes is too long", n)
	}
	binary.BigEndian.PutUint32(dst[begin+3:], uint32(n))
	return dst, nil
}

func appendString(dst []byte, s string) []byte {
	return append(appendHead(dst, 3, uint64(len(s))), s...)
}

// appendNumber appends a 32-bit integer as one, and any other number as a double: Chrome reads no others.
func appendNumber(dst []byte, n json.Number) ([]byte, error) {
	if i, err := n.Int64(); err == nil && i >= math.MinInt32 && i <= math.MaxInt32 {
		if i < 0 {
			return appendHead(dst, 1, uint64(-1-i)), nil
		}
		return appendHead(dst, 0, uint64(i)), nil
	}
	f, err := n.Float64()
	if err != nil {
		return nil, err
	}
	return binary.BigEndian.AppendUint64(append(dst, valDouble), math.Float64bits(f)), nil
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
