module github.com/loom-lite/loom-lite/services/transcoder

go 1.26.0

require github.com/loom-lite/loom-lite/pkg v0.0.0

replace github.com/loom-lite/loom-lite/pkg => ../../pkg
