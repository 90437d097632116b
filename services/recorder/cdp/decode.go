package cdp

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf16"
)

// Chrome's CBOR is a subset (crdtp): maps and arrays of indefinite length, each in an envelope (tag
// 24 and a byte string with a length of 32 bits), text as UTF-8, or as UTF-16LE in an untagged byte
// string, binary under tag 22, integers of 32 bits and doubles.
const (
	envelopeTag1 = 0xd8
	envelopeTag2 = 0x18
	envelopeType = 0x5a
	// envelopeHeader is the length of an envelope's header: tag, type, length.
	envelopeHeader = 7

	mapStart   = 0xbf
	arrayStart = 0x9f
	stop       = 0xff
	binaryTag  = 0xd6
	valFalse   = 0xf4
	valTrue    = 0xf5
	valNull    = 0xf6
	valDouble  = 0xfb

	// maxDepth bounds recursion; Chrome itself refuses more than 300.
	maxDepth = 300
)

var errCBOR = errors.New("not the CBOR that Chrome writes")

// envelopeLen returns the length of the content that follows an envelope's header.
func envelopeLen(header []byte) (int, error) {
	if len(header) < envelopeHeader || header[0] != envelopeTag1 || header[1] != envelopeTag2 || header[2] != envelopeType {
		return 0, fmt.Errorf("%w: no envelope", errCBOR)
	}
	return int(binary.BigEndian.Uint32(header[3:])), nil
}

// Raw is one CBOR value as Chrome wrote it.
type Raw []byte

// Bytes returns the binary value under key, which shares r's memory, or nil when there is none.
func (r Raw) Bytes(key string) []byte {
	v, ok := r.lookup(key)
	if !ok || len(v) == 0 || v[0] != binaryTag {
		return nil
	}
	content, _, err := stringValue(v[1:])
	if err != nil {
		return nil
	}
	return content
}

// Bool returns the boolean under key, false when there is none.
func (r Raw) Bool(key string) bool {
	v, ok := r.lookup(key)
	return ok && len(v) > 0 && v[0] == valTrue
}

// Float returns the number under key, and whether there is one.
func (r Raw) Float(key string) (f float64, ok bool) {
	v, ok := r.lookup(key)
	if !ok {
		return 0, false
	}
	major, arg, _, err := head(v)
	switch {
	case err != nil:
		return 0, false
	case v[0] == valDouble:
		return math.Float64frombits(arg), true
	case major == 0:
		return float64(arg), true
	case major == 1:
		return -1 - float64(arg), true
	}
	return 0, false
}

// JSON returns the value as JSON, binary as base64. Nothing at all is null.
func (r Raw) JSON() (json.RawMessage, error) {
	if len(r) == 0 {
		return json.RawMessage("null"), nil
	}
	out, rest, err := appendJSON(make([]byte, 0, len(r)+len(r)/4), r, 0)
	if err != nil {
		return nil, err
	}
	if len(rest) != 0 {
		return nil, fmt.Errorf("%w: %d bytes too many", errCBOR, len(rest))
	}
	return out, nil
}

// lookup returns the value under key of a map in its envelope, and what follows it.
func (r Raw) lookup(key string) (Raw, bool) {
	var found Raw
	err := r.each(func(k []byte, v Raw) bool {
		if string(k) == key {
			found = v
			return false
		}
		return true
	})
	return found, err == nil && found != nil
}

// each calls f with every key and value of a map, until f returns false.
func (r Raw) each(f func(key []byte, value Raw) bool) error {
	b := []byte(r)
	if len(b) > 0 && b[0] == envelopeTag1 {
		n, err := envelopeLen(b)
		if err != nil {
			return err
		}
		if b = b[envelopeHeader:]; n > len(b) {
			return fmt.Errorf("%w: short envelope", errCBOR)
		}
		b = b[:n]
	}
	if len(b) == 0 || b[0] != mapStart {
		return fmt.Errorf("%w: no map", errCBOR)
	}
	b = b[1:]
	for len(b) > 0 && b[0] != stop {
		key, rest, err := stringValue(b)
		if err != nil {
			return err
		}
		after, err := skip(rest, 0)
		if err != nil {
			return err
		}
		if !f(key, Raw(rest[:len(rest)-len(after)])) {
			return nil
		}
		b = after
	}
	if len(b) == 0 {
		return fmt.Errorf("%w: unended map", errCBOR)
	}
	return nil
}

// head reads an initial byte with its argument.
func head(b []byte) (major byte, arg uint64, rest []byte, err error) {
	if len(b) == 0 {
		return 0, 0, nil, fmt.Errorf("%w: unexpected end", errCBOR)
	}
	major, info, rest := b[0]>>5, b[0]&31, b[1:]
	size := 0
	switch {
	case info < 24:
		return major, uint64(info), rest, nil
	case info <= 27:
		size = 1 << (info - 24)
	default:
		return 0, 0, nil, fmt.Errorf("%w: initial byte %#x", errCBOR, b[0])
	}
	if len(rest) < size {
		return 0, 0, nil, fmt.Errorf("%w: unexpected end", errCBOR)
	}
	for _, c := range rest[:size] {
		arg = arg<<8 | uint64(c)
	}
	return major, arg, rest[size:], nil
}

// stringValue reads a text or byte string.
func stringValue(b []byte) (content, rest []byte, err error) {
	major, n, rest, err := head(b)
	if err != nil {
		return nil, nil, err
	}
	if major != 2 && major != 3 {
		return nil, nil, fmt.Errorf("%w: no string", errCBOR)
	}
	if n > uint64(len(rest)) {
		return nil, nil, fmt.Errorf("%w: short string", errCBOR)
	}
	return rest[:n], rest[n:], nil
}

// skip returns what follows the value at the start of b.
func skip(b []byte, depth int) ([]byte, error) {
	if len(b) == 0 || depth > maxDepth {
		return nil, fmt.Errorf("%w: unexpected end, or too deep", errCBOR)
	}
	switch b[0] {
	case envelopeTag1:
		n, err := envelopeLen(b)
		if err != nil {
			return nil, err
		}
		if n > len(b)-envelopeHeader {
			return nil, fmt.Errorf("%w: short envelope", errCBOR)
		}
		return b[envelopeHeader+n:], nil
	case binaryTag:
		return skip(b[1:], depth+1)
	case mapStart, arrayStart:
		rest, err := b[1:], error(nil)
		for len(rest) > 0 && rest[0] != stop {
			if rest, err = skip(rest, depth+1); err != nil {
				return nil, err
			}
		}
		if len(rest) == 0 {
			return nil, fmt.Errorf("%w: unended map or array", errCBOR)
		}
		return rest[1:], nil
	}
	major, _, rest, err := head(b)
	if err != nil {
		return nil, err
	}
	switch major {
	case 2, 3:
		_, rest, err = stringValue(b)
		return rest, err
	case 0, 1, 7:
		return rest, nil
	}
	return nil, fmt.Errorf("%w: initial byte %#x", errCBOR, b[0])
}

// appendJSON appends the value at the start of b to dst as JSON, and returns what follows it.
func appendJSON(dst, b []byte, depth int) (out, rest []byte, err error) {
	if len(b) == 0 || depth > maxDepth {
		return nil, nil, fmt.Errorf("%w: unexpected end, or too deep", errCBOR)
	}
	switch b[0] {
	case envelopeTag1:
		n, err := envelopeLen(b)
		if err != nil {
			return nil, nil, err
		}
		if n > len(b)-envelopeHeader {
			return nil, nil, fmt.Errorf("%w: short envelope", errCBOR)
		}
		out, inner, err := appendJSON(dst, b[envelopeHeader:envelopeHeader+n], depth+1)
		if err == nil && len(inner) != 0 {
			err = fmt.Errorf("%w: %d bytes too many in an envelope", errCBOR, len(inner))
		}
		return out, b[envelopeHeader+n:], err
	case binaryTag:
		content, rest, err := stringValue(b[1:])
		if err != nil {
			return nil, nil, err
		}
		dst = append(dst, '"')
		dst = base64.StdEncoding.AppendEncode(dst, content)
		return append(dst, '"'), rest, nil
	case mapStart:
		return appendContainer(dst, b[1:], depth, '{', '}')
	case arrayStart:
		return appendContainer(dst, b[1:], depth, '[', ']')
	case valTrue:
		return append(dst, "true"...), b[1:], nil
	case valFalse:
		return append(dst, "false"...), b[1:], nil
	case valNull:
		return append(dst, "null"...), b[1:], nil
	case valDouble:
		_, bits, rest, err := head(b)
		if err != nil {
			return nil, nil, err
		}
		return appendDouble(dst, math.Float64frombits(bits)), rest, nil
	}
	switch major, arg, rest, err := head(b); {
	case err != nil:
		return nil, nil, err
	case major == 0:
		return strconv.AppendUint(dst, arg, 10), rest, nil
	case major == 1 && arg <= math.MaxInt64:
		return strconv.AppendInt(dst, -1-int64(arg), 10), rest, nil
	case major == 2 || major == 3:
		return appendText(dst, b)
	}
	return nil, nil, fmt.Errorf("%w: initial byte %#x", errCBOR, b[0])
}

func appendContainer(dst, b []byte, depth int, open, end byte) (out, rest []byte, err error) {
	dst = append(dst, open)
	for first := true; ; first = false {
		if len(b) == 0 {
			return nil, nil, fmt.Errorf("%w: unended map or array", errCBOR)
		}
		if b[0] == stop {
			return append(dst, end), b[1:], nil
		}
		if !first {
			dst = append(dst, ',')
		}
		if open == '{' {
			if dst, b, err = appendText(dst, b); err != nil {
				return nil, nil, err
			}
			dst = append(dst, ':')
		}
		if dst, b, err = appendJSON(dst, b, depth+1); err != nil {
			return nil, nil, err
		}
	}
}

func appendDouble(dst []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, "null"...) // what JSON.stringify does
	}
	return strconv.AppendFloat(dst, f, 'g', -1, 64)
}

// appendText appends a string: UTF-8 of major type 3, UTF-16LE of major type 2.
func appendText(dst, b []byte) (out, rest []byte, err error) {
	content, rest, err := stringValue(b)
	if err != nil {
		return nil, nil, err
	}
	text := string(content)
	if b[0]>>5 == 2 {
		units := make([]uint16, len(content)/2)
		for i := range units {
			units[i] = binary.LittleEndian.Uint16(content[2*i:])
		}
		text = string(utf16.Decode(units))
	}
	quoted, err := json.Marshal(text)
	if err != nil {
		return nil, nil, err
	}
	return append(dst, quoted...), rest, nil
}
