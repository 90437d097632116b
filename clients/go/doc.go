// Package loom is a client of the loom-lite API.
//
// A Client has a method for each operation of the API's document: GetRenderWithResponse and others,
// which package api is generated with. What the document cannot say is here:
//
//   - A request is sent again after 408, 429, 5xx and broken connections, after a pause with jitter
//     or what Retry-After says.
//   - Each POST has an Idempotency-Key, the same over its tries, so it is done once.
//   - An answer that is no success is a *Problem, an error with the API's stable code.
//   - Renders and its siblings iterate over lists, page by page; Events over what happens to a
//     render, across broken connections; Wait returns the render when it has ended.
//
// The token is in no error.
package loom
