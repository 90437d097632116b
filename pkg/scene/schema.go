package scene

import _ "embed"

// Schema is the JSON Schema of a scene's options.
//
//go:embed options.schema.json
var Schema []byte
