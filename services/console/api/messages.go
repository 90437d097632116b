package api

import (
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/loom-lite/loom-lite/services/console/webhooks"
)

// messages puts what endpoints of webhooks are sent into the document. The types are those that are
// written when a message is sent.
func (a *API) messages() {
	render := reflect.TypeFor[webhooks.Body[webhooks.RenderData]]()
	batch := reflect.TypeFor[webhooks.Body[webhooks.BatchData]]()
	alert := reflect.TypeFor[webhooks.Body[webhooks.AlertData]]()
	test := reflect.TypeFor[webhooks.Body[webhooks.TestData]]()
	doc := a.Document()
	doc.Webhooks = map[string]*huma.PathItem{}
	for _, m := range []struct {
		kind, summary string
		body          reflect.Type
	}{
		{webhooks.RenderStarted, "A job's render begins", render},
		{webhooks.RenderCompleted, "A render is done", render},
		{webhooks.RenderFailed, "A render has failed", render},
		{webhooks.RenderCancelled, "A render was cancelled, or deleted before it had ended", render},
		{webhooks.BatchCompleted, "The last render of a batch has ended", batch},
		{webhooks.AlertOpened, "Something is wrong", alert},
		{webhooks.AlertClosed, "What was wrong is over", alert},
		{webhooks.EndpointTest, "Somebody asked for a test", test},
	} {
		schema := huma.SchemaFromType(doc.Components.Schemas, m.body)
		schema.AdditionalProperties = true
		schema.Properties["type"] = &huma.Schema{Type: huma.TypeString, Enum: []any{m.kind}, Description: schema.Properties["type"].Description}
		doc.Webhooks[m.kind] = &huma.PathItem{Post: &huma.Operation{
			OperationID: m.kind, Summary: m.summary, Tags: []string{"webhooks"}, Parameters: messageHeaders,
			Description: "docs/reference/webhooks.md says when it is sent, how it is signed and what follows from the answer.",
			RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: schema}}},
			Responses:   messageAnswers,
		}}
	}
	// A later release may add fields.
	for _, data := range []string{"WebhookRenderData", "WebhookBatchData", "WebhookAlertData", "WebhookTestData"} {
		doc.Components.Schemas.Map()[data].AdditionalProperties = true
	}
	// The library takes bytes that are JSON for anything.
	for _, data := range []string{"WebhookRenderData", "WebhookBatchData"} {
		metadata := doc.Components.Schemas.Map()[data].Properties["metadata"]
		metadata.Extensions = map[string]any{"type": []string{"object", "null"}, "additionalProperties": true}
	}
}

var messageHeaders = []*huma.Param{
	messageHeader("webhook-id", "uuid", "The event's id. It is the same each time the event is sent: whoever has seen it ignores the message."),
	messageHeader("webhook-timestamp", "", "When this attempt was made, in seconds."),
	messageHeader("webhook-signature", "", "v1, a comma and the base64 of a signature; two with a space between while a secret is being replaced."),
}

func messageHeader(name, format, description string) *huma.Param {
	return &huma.Param{Name: name, In: "header", Required: true, Description: description, Schema: &huma.Schema{Type: huma.TypeString, Format: format}}
}

var messageAnswers = map[string]*huma.Response{
	"2XX": {Description: "The message is delivered."},
	"410": {Description: http.StatusText(http.StatusGone) + ": the endpoint is disabled, and this message is not sent again."},
	"429": {Description: "It is tried again, not before Retry-After. Until then the endpoint gets nothing else. So it is with 502, 503 and 504."},
	"default": {
		Description: "It is tried again, a redirect too, for three days.",
	},
}
