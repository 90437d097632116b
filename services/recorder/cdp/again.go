package cdp

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/go-rod/rod/lib/proto"
)

// Call is a call that is made for every frame, each time with another number. It is encoded once.
// Only one goroutine at a time may use it.
type Call struct {
	method  string
	message []byte
	number  int // where its bytes begin
}

// idAt is where the bytes of a request's id begin, behind two headers and its key; all requests
// begin with it.
const idAt = envelopeHeader + len("\xbf\x62id\x1a")

// NewCall prepares a call of a session, with the parameter key as the number that changes.
func NewCall(session proto.TargetSessionID, params proto.Request, key string) (*Call, error) {
	message, err := encode(request{ID: math.MaxInt32, SessionID: string(session), Method: params.ProtoReq(), Params: params})
	if err != nil {
		return nil, err
	}
	before := append(appendHead(nil, 3, uint64(len(key))), key...)
	before = append(before, valDouble)
	at := bytes.Index(message, before)
	if at < 0 {
		return nil, fmt.Errorf("encode %s: it has no %s with a fraction", params.ProtoReq(), key)
	}
	return &Call{method: params.ProtoReq(), message: message, number: at + len(before)}, nil
}

// with returns the message of one such call, which the next overwrites.
func (c *Call) with(id int, number float64) []byte {
	binary.BigEndian.PutUint32(c.message[idAt:], uint32(id))
	binary.BigEndian.PutUint64(c.message[c.number:], math.Float64bits(number))
	return c.message
}

// Again is Then for a prepared call, with this number in it.
func (c *Client) Again(call *Call, number float64, f func(Raw, error)) {
	id, err := c.expect(call.method, f)
	if err != nil {
		return
	}
	if err := c.send(call.with(id, number)); err != nil {
		c.failed(id, err)
	}
}
