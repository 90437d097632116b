package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/loom-lite/loom-lite/pkg/service"
)

// New returns a handler of /v1.
func New() http.Handler {
	mux := http.NewServeMux()
	config := huma.DefaultConfig("loom-lite", "1")
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "/v1/openapi", "", "/v1/schemas"
	routes := humago.New(mux, config)
	huma.Register(routes, huma.Operation{
		OperationID: "get-version", Method: http.MethodGet, Path: "/v1/version", Summary: "Which build this is",
	}, version)
	return mux
}

type versionOutput struct {
	Body struct {
		Version string `json:"version" doc:"The release or, between releases, the commit." example:"v1.0.0"`
	}
}

func version(context.Context, *struct{}) (*versionOutput, error) {
	out := &versionOutput{}
	out.Body.Version = service.Version()
	return out, nil
}
