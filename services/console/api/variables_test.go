package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/services/console/access"
)

func TestARenderBringsValuesForTheVariablesOfItsCampaign(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	write := s.token(access.Write)
	campaign := map[string]any{
		"name": "Launch", "variables": map[string]any{"first_name": map[string]any{"required": true}, "seconds": map[string]any{"type": "number", "default": 3}},
		"scenes": []any{map[string]any{"url": "https://example.com/?for={{first_name}}", "duration_sec": "{{seconds}}"}},
	}
	a := s.must(http.StatusAccepted, write, "POST", "/v1/renders", map[string]any{"campaign": campaign, "variables": map[string]any{"first_name": "Ada", "seconds": 2}})
	if got := get[string](s, `select concat_ws(' ', r.variables, c.variables -> 'first_name', s.url, s.duration_sec, s.options) from renders r
		join campaigns c on c.id = r.campaign_id join scenes s on s.campaign_id = c.id where r.id = $1`, a.field("id")); got !=
		`{"seconds": 2, "first_name": "Ada"} {"required": true} https://example.com/?for={{first_name}} 3 {"duration_sec": "{{seconds}}"}` {
		t.Errorf("the rows are %s", got)
	}
	for _, path := range []string{"/v1/renders/" + a.field("id").(string), "/v1/renders"} {
		if seen := s.must(http.StatusOK, write, "GET", path, nil); strings.Contains(string(seen.text), "Ada") {
			t.Errorf("%s shows the value: %s", path, seen.text)
		}
	}
	made := s.must(http.StatusCreated, write, "POST", "/v1/campaigns", map[string]any{"campaign": campaign})
	id := made.field("id").(string)
	if declared, _ := made.field("variables").(map[string]any); declared["seconds"] == nil {
		t.Errorf("the campaign declares %v", made.field("variables"))
	}
	s.must(http.StatusAccepted, write, "POST", "/v1/renders", map[string]any{"campaign_id": id, "variables": map[string]any{"first_name": "Ada"}})

	for what, c := range map[string]struct {
		body            map[string]any
		pointer, detail string
	}{
		"a missing value":       {map[string]any{"campaign_id": id}, "#/variables/first_name", "the variable first_name has no value, and each render must bring one"},
		"an undeclared one":     {map[string]any{"campaign_id": id, "variables": map[string]any{"first_name": "x", "name": "Hedwig"}}, "#/variables/name", "the variable name is not declared by the campaign. It declares first_name, seconds"},
		"one of another type":   {map[string]any{"campaign_id": id, "variables": map[string]any{"first_name": "x", "seconds": "Hedwig"}}, "#/variables/seconds", "the variable seconds is a number, and its value is none. Example: 4.5"},
		"one that is no value":  {map[string]any{"campaign_id": id, "variables": map[string]any{"first_name": []string{"Hedwig"}}}, "#/variables/first_name", "this is neither a text nor a number"},
		"one that leads astray": {map[string]any{"campaign": campaign, "variables": map[string]any{"first_name": "x", "seconds": 0}}, "#/campaign/scenes/0/duration_sec", "Scene 1 has a duration of 0 seconds. A scene must last between 1 second and 1 hour."},
	} {
		p := s.problem(422, CodeInvalid, write, "POST", "/v1/renders", c.body)
		var got Problem
		p.into(t, &got)
		if len(got.Errors) != 1 || got.Errors[0].Pointer != c.pointer || got.Errors[0].Detail != c.detail || strings.Contains(string(p.text), "Hedwig") {
			t.Errorf("%s: %s", what, p.text)
		}
	}
	if n := get[int](s, "select count(*)::int from renders"); n != 2 {
		t.Errorf("there are %d renders", n)
	}
}
