module github.com/loom-lite/loom-lite/e2e

go 1.26.0

require (
	github.com/loom-lite/loom-lite/migrations v0.0.0
	github.com/loom-lite/loom-lite/pkg v0.0.0
)

replace github.com/loom-lite/loom-lite/pkg => ../pkg

replace github.com/loom-lite/loom-lite/migrations => ../migrations
