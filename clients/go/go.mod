module github.com/loom-lite/loom-lite/clients/go

go 1.26.0

require (
	github.com/cenkalti/backoff/v5 v5.0.3
	github.com/google/uuid v1.6.0
	github.com/oapi-codegen/runtime v1.9.0
	github.com/tmaxmax/go-sse v0.12.0
)

require github.com/apapsch/go-jsonmerge/v2 v2.0.0 // indirect
