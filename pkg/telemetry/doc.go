// Package telemetry makes OpenTelemetry spans that follow a render through all services.
//
//	render                             ingest, when it has ended
//	├── queued                         ingest: from the job's insertion to its plan
//	├── record waits, record           a worker: a task's message waits; an attempt at the task
//	│   ├── fetch …, store …           objects that are moved
//	│   └── load page, capture …       what the stage does
//	└── webhook render.completed       console
//
// The ids of a trace are kept nowhere: they follow from those of the render and of its plan, or are
// those that the API's caller sent. So every replica of every service names the same ones, whatever
// was killed in between.
//
// It is off unless the standard settings OTEL_* ask for it, and costs nothing then.
package telemetry
