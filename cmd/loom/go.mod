module github.com/loom-lite/loom-lite/cmd/loom

go 1.26.0

require (
	github.com/loom-lite/loom-lite/migrations v0.0.0
	github.com/loom-lite/loom-lite/pkg v0.0.0
	github.com/loom-lite/loom-lite/services/ingest v0.0.0
	github.com/loom-lite/loom-lite/services/recorder v0.0.0
	github.com/loom-lite/loom-lite/services/transcoder v0.0.0
	github.com/loom-lite/loom-lite/services/uploader v0.0.0
)

replace github.com/loom-lite/loom-lite/pkg => ../../pkg

replace github.com/loom-lite/loom-lite/migrations => ../../migrations

replace github.com/loom-lite/loom-lite/services/ingest => ../../services/ingest

replace github.com/loom-lite/loom-lite/services/recorder => ../../services/recorder

replace github.com/loom-lite/loom-lite/services/transcoder => ../../services/transcoder

replace github.com/loom-lite/loom-lite/services/uploader => ../../services/uploader
