// Package api is the HTTP API of an installation. Its document, /v1/openapi.json, is made from the
// types of its operations.
//
// A file has one resource. Each of its operations is registered with what it takes (Need), which is
// checked before the operation runs: that is all there is between a request and the database but
// for whose campaigns a token is for, which the queries check. Errors are problems (RFC 9457) with
// codes of ours; problem.go has all of them.
//
// A request goes through: a bound on its size, its token, a bound on its rate, its idempotency key,
// what it takes, and the operation.
package api
