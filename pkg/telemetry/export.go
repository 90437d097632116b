package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/loom-lite/loom-lite/pkg/redact"
)

// scope is the name of the instrumentation.
const scope = "github.com/loom-lite/loom-lite"

// tracer makes the spans. It is nil while nothing asks for them.
var tracer atomic.Pointer[trace.Tracer]

var idle = noop.NewTracerProvider().Tracer(scope)

// On reports whether spans are made.
func On() bool { return tracer.Load() != nil }

func spans() trace.Tracer {
	if t := tracer.Load(); t != nil {
		return *t
	}
	return idle
}

// ErrSettings says that a setting OTEL_* is wrong.
var ErrSettings = errors.New("telemetry")

// asked reports whether the settings ask for spans. Those of other signals are left alone.
func asked(environ map[string]string) (bool, error) {
	get := func(names ...string) string {
		for _, name := range names {
			if v := strings.TrimSpace(environ[name]); v != "" {
				return v
			}
		}
		return ""
	}
	if strings.EqualFold(get("OTEL_SDK_DISABLED"), "true") {
		return false, nil
	}
	switch exporter := get("OTEL_TRACES_EXPORTER"); exporter {
	case "none":
		return false, nil
	case "", "otlp":
		if exporter == "" && get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT") == "" {
			return false, nil
		}
	default:
		return false, fmt.Errorf("%w: OTEL_TRACES_EXPORTER: write otlp or none", ErrSettings)
	}
	if p := get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"); p != "" && p != "http/protobuf" {
		return false, fmt.Errorf("%w: OTEL_EXPORTER_OTLP_PROTOCOL: write http/protobuf, and the collector's port for it, which is usually 4318", ErrSettings)
	}
	return true, nil
}

// Headers is the variable of the headers for the collector, which may hold a key.
const Headers = "OTEL_EXPORTER_OTLP_HEADERS"

// headersOf reads key=value pairs, divided by commas, percent-encoded. The environment may lack
// them: their file is read.
func headersOf(text string) (map[string]string, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	headers := map[string]string{}
	for pair := range strings.SplitSeq(text, ",") {
		name, value, found := strings.Cut(pair, "=")
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if name = strings.TrimSpace(name); !found || name == "" || err != nil {
			return nil, fmt.Errorf("%w: %s: write name=value, divided by commas", ErrSettings, Headers)
		}
		headers[name] = value
	}
	return headers, nil
}

// Service is what makes the spans.
type Service struct {
	// Name is that of the resource, such as loom-recorder, Instance this replica's.
	Name, Instance, Version string
}

// Start begins to export spans, if the settings ask for it: those of the process's environment, of
// which environ is a copy. Stop sends what is left, and returns when ctx ends at the latest. A
// collector that is away, or that takes its time, holds nobody up: spans are dropped then.
func Start(ctx context.Context, s Service, environ map[string]string, log zerolog.Logger) (stop func(context.Context), err error) {
	on, err := asked(environ)
	if err != nil || !on {
		return func(context.Context) {}, err
	}
	var options []otlptracehttp.Option
	if headers, err := headersOf(environ[Headers]); err != nil {
		return nil, err
	} else if headers != nil {
		options = append(options, otlptracehttp.WithHeaders(headers))
	}
	exporter, err := otlptracehttp.New(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSettings, redact.Error(err))
	}
	about, err := resource.New(ctx, resource.WithAttributes(
		attribute.String("service.name", s.Name), attribute.String("service.instance.id", s.Instance), attribute.String("service.version", s.Version),
	), resource.WithHost(), resource.WithFromEnv(), resource.WithTelemetrySDK())
	if err != nil && !errors.Is(err, resource.ErrPartialResource) {
		return nil, fmt.Errorf("%w: OTEL_RESOURCE_ATTRIBUTES: %w", ErrSettings, redact.Error(err))
	}
	provider := sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithResource(about), sdk.WithIDGenerator(generator{}))
	quiet := &complaints{log: log}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(quiet.tell))
	t := provider.Tracer(scope, trace.WithInstrumentationVersion(s.Version))
	tracer.Store(&t)
	log.Info().Msg("spans are exported")
	return func(ctx context.Context) {
		tracer.Store(nil)
		if err := provider.Shutdown(ctx); err != nil {
			quiet.tell(err)
		}
	}, nil
}

// complaintEvery is the least time between two warnings: an exporter may fail every few seconds.
const complaintEvery = time.Minute

// complaints logs what goes wrong with spans, now and then.
type complaints struct {
	log  zerolog.Logger
	last atomic.Int64
}

func (c *complaints) tell(err error) {
	now := time.Now().UnixNano()
	last := c.last.Load()
	if err == nil || last != 0 && now-last < int64(complaintEvery) || !c.last.CompareAndSwap(last, now) {
		return
	}
	c.log.Warn().Err(redact.Error(err)).Msg("spans are lost")
}
