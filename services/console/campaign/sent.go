package campaign

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/loom-lite/loom-lite/pkg/facecam"
	"github.com/loom-lite/loom-lite/pkg/output"
	"github.com/loom-lite/loom-lite/pkg/scene"
	"github.com/loom-lite/loom-lite/pkg/schema"
	"github.com/loom-lite/loom-lite/pkg/variables"
)

// Names of schemas in SentSchemas: a campaign that is sent, and one that replaces another, whose
// scenes may have the ids of those that are there.
const (
	SentCampaign    = "CampaignInput"
	ChangedCampaign = "CampaignChange"
)

// SentSchemas are the JSON Schemas of what Parse takes, by the names that they have in a document's
// components. They are made of those of campaign files: only what names files is missing. Parse
// checks against the same ones.
var SentSchemas = sync.OnceValues(func() (map[string]map[string]any, error) {
	var file struct {
		Required   []string                  `json:"required"`
		Properties map[string]map[string]any `json:"properties"`
	}
	if err := json.Unmarshal(Schema, &file); err != nil {
		return nil, fmt.Errorf("read the campaign's schema: %w", err)
	}
	all := map[string]map[string]any{}
	for name, text := range map[string][]byte{"SceneOptions": scene.Schema, "OutputOptions": output.Schema, "FacecamOptions": facecam.Schema, "Variables": variables.Schema} {
		var options map[string]any
		if err := json.Unmarshal(text, &options); err != nil {
			return nil, fmt.Errorf("read the schema of options: %w", err)
		}
		for _, head := range []string{"$schema", "$id", "title"} {
			delete(options, head)
		}
		typeTexts(options)
		all[name] = options
	}
	var list struct {
		Items struct {
			Description string                    `json:"description"`
			Required    []string                  `json:"required"`
			Properties  map[string]map[string]any `json:"properties"`
		} `json:"items"`
	}
	if err := again(file.Properties["scenes"], &list); err != nil {
		return nil, err
	}
	shown := list.Items.Properties
	web(shown["url"])
	refer(shown["options"], "SceneOptions")
	all["SceneInput"] = group(list.Items.Description, list.Items.Required, shown)
	withID := map[string]map[string]any{"id": {
		"description": "The id of the scene that this one was. It keeps that one's options if it has none itself. Null and left out: a new scene.",
		"type":        []string{"string", "null"}, "format": "uuid",
	}}
	for name, field := range shown {
		withID[name] = field
	}
	all["SceneChange"] = group("A scene of a campaign that replaces another.", list.Items.Required, withID)

	fields := file.Properties
	web(fields["facecam_url"])
	fields["facecam_url"]["examples"] = []string{"https://example.com/facecam.mp4"}
	fields["name"]["description"] = "The campaign's name: a text. Default: " + Untitled + "."
	refer(fields["output_options"], "OutputOptions")
	refer(fields["facecam_options"], "FacecamOptions")
	refer(fields["variables"], "Variables")
	for name, one := range map[string]string{SentCampaign: "SceneInput", ChangedCampaign: "SceneChange"} {
		scenes := map[string]any{}
		for keyword, value := range fields["scenes"] {
			scenes[keyword] = value
		}
		scenes["items"] = map[string]any{"$ref": components + one}
		with := map[string]map[string]any{}
		for field, value := range fields {
			with[field] = value
		}
		with["scenes"] = scenes
		all[name] = group("A campaign: pages to record one after the other, and a presenter's video to lay over them. It names http and https URLs only, "+
			"and no files. docs/reference/campaign-file.md explains the fields.", file.Required, with)
	}
	return all, nil
})

// components is where a document has its schemas.
const components = "#/components/schemas/"

// group is the schema of fields, of which there are no others.
func group(description string, required []string, fields map[string]map[string]any) map[string]any {
	return map[string]any{"description": description, "type": "object", "additionalProperties": false, "required": required, "properties": fields}
}

// refer makes a field's schema one that refers to a component. Its description and examples stay.
func refer(field map[string]any, name string) {
	for keyword := range field {
		if keyword != "description" && keyword != "examples" {
			delete(field, keyword)
		}
	}
	field["$ref"] = components + name
}

// typeTexts says of fields that have one of several texts that they are texts, which generators of
// code ask for.
func typeTexts(schema any) {
	switch s := schema.(type) {
	case map[string]any:
		if list, is := s["enum"].([]any); is && s["type"] == nil {
			if _, texts := list[0].(string); texts {
				s["type"] = "string"
			}
		}
		for _, below := range s {
			typeTexts(below)
		}
	case []any:
		for _, below := range s {
			typeTexts(below)
		}
	}
}

// web takes from a field's description that it may name a file.
func web(field map[string]any) {
	text, _ := field["description"].(string)
	field["description"] = strings.Replace(text, ", or the path of a file beside this one", "", 1)
}

// again decodes a value that was decoded before.
func again(value, into any) error {
	text, err := json.Marshal(value)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		return fmt.Errorf("read the campaign's schema: %w", err)
	}
	return nil
}

var sent = sync.OnceValues(func() (*schema.Schema, error) {
	all, err := SentSchemas()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(map[string]any{
		"$id": "urn:loom-lite:sent", "$ref": components + SentCampaign, "components": map[string]any{"schemas": all},
	})
	if err != nil {
		return nil, err
	}
	return schema.Compile(text)
})
