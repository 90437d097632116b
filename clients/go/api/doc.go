// Package api has the operations and types of the API, generated from its document. Package loom
// makes its clients.
package api
