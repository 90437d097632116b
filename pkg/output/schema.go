package output

import _ "embed"

// Schema is the JSON Schema of a video's options.
//
//go:embed options.schema.json
var Schema []byte
