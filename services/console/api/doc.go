// Package api is the HTTP API of an installation. Its document, /v1/openapi.json, is made from the
// types of its operations.
package api
