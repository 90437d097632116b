package facecam

import _ "embed"

// Schema is the JSON Schema of how the presenter is shown.
//
//go:embed options.schema.json
var Schema []byte
