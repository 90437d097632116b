package api

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"github.com/loom-lite/loom-lite/services/console/access"
	"github.com/loom-lite/loom-lite/services/console/campaign"
)

// sender draws requests of the document's operations, valid ones and broken ones, and checks their
// answers.
type sender struct {
	*site

	doc *huma.OpenAPI
	// document is doc as clients read it.
	document map[string]any
	ops      []string
	schemas  *jsonschema.Compiler
	// tokens are callers, of whom all but the first see one user's things only.
	tokens []string
	// own and foreign are ids of that user's things, and of others'.
	own, foreign []string
}

// marked is in what the user must not see.
const marked = "another user's 7c1e"

// Whatever is sent to any operation, the answer is one that the document has: never a 5xx, a status
// that is documented, a body that fits its schema, and for errors a problem with a known code. It
// has nothing of another user's.
func TestWhateverIsSentIsAnsweredAsTheDocumentSays(t *testing.T) {
	t.Parallel()
	s := newSender(t)
	rapid.Check(t, func(t *rapid.T) {
		for range 8 {
			s.request(t)
		}
	})
}

func newSender(t *testing.T) *sender {
	s := &sender{site: newSite(t)}
	s.doc = s.api.Document()
	for _, op := range operations(s.doc) {
		// A stream of a render that has not ended goes on, and objects need a store.
		if !strings.HasSuffix(op, "/events") && !strings.HasSuffix(op, "/artifacts") && !strings.HasSuffix(op, "/bundle") {
			s.ops = append(s.ops, op)
		}
	}
	text, err := json.Marshal(s.doc)
	if err == nil {
		err = json.Unmarshal(text, &s.document)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.schemas = compiled(t, s.doc)
	user := uuid.New()
	all := s.token(access.Admin)
	s.tokens = []string{all, s.token(access.Write, user), s.token(access.Read, user), "", "loom_unknown"}
	create := func(token, name string, fields map[string]any) (ids []string) {
		fields["campaign"] = map[string]any{"name": name, "scenes": []any{map[string]any{"url": "https://example.com/" + url.PathEscape(name), "duration_sec": 2}}}
		render := s.must(202, token, "POST", "/v1/renders", fields).field("id").(string)
		return []string{render, get[string](s.site, "select campaign_id::text from renders where id = $1", render)}
	}
	s.own = create(s.tokens[1], "Mine", map[string]any{})
	s.foreign = append(create(all, marked, map[string]any{}), create(all, marked, map[string]any{"user_id": uuid.New()})...)
	return s
}

// compiled returns a document's schemas, at places in openapi.json.
func compiled(t *testing.T, doc *huma.OpenAPI) *jsonschema.Compiler {
	t.Helper()
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	schemas := jsonschema.NewCompiler()
	schemas.DefaultDraft(jsonschema.Draft2020)
	schemas.AssertFormat()
	if err := schemas.AddResource("openapi.json", parsed); err != nil {
		t.Fatal(err)
	}
	return schemas
}

// request sends one request, and checks its answer.
func (s *sender) request(t *rapid.T) {
	name := rapid.SampledFrom(s.ops).Draw(t, "operation")
	method, path, _ := strings.Cut(name, " ")
	item := s.doc.Paths[path]
	op := map[string]*huma.Operation{"GET": item.Get, "POST": item.Post, "PUT": item.Put, "PATCH": item.Patch, "DELETE": item.Delete}[method]
	who := rapid.SampledFrom([]int{0, 1, 1, 1, 2, 3, 4}).Draw(t, "who")
	query, headers := url.Values{}, []string{}
	described := at(s.document, "paths", path, strings.ToLower(method))
	for i, p := range op.Parameters {
		schema := at(described["parameters"].([]any)[i].(map[string]any), "schema")
		switch p.In {
		case "path":
			value := s.text(schema, t, p.Name)
			if value == "" || value == "." || value == ".." { // that is another path
				value = "x"
			}
			path = strings.ReplaceAll(path, "{"+p.Name+"}", url.PathEscape(value))
		case "query":
			if rapid.Bool().Draw(t, "with "+p.Name) {
				query.Set(p.Name, s.text(schema, t, p.Name))
			}
		case "header":
			if value := s.text(schema, t, p.Name); rapid.Bool().Draw(t, "with "+p.Name) && sendable(value) {
				headers = append(headers, p.Name, value)
			}
		}
	}
	if rapid.IntRange(0, 19).Draw(t, "unknown parameter") == 0 {
		query.Set("unknown", "x")
	}
	if method == http.MethodPost && rapid.IntRange(0, 3).Draw(t, "with a key") == 0 {
		headers = append(headers, keyHeader, rapid.SampledFrom([]string{"a", "b", uuid.NewString()}).Draw(t, "key"))
	}
	var body any
	if op.RequestBody != nil {
		body = s.body(at(described, "requestBody", "content", "application/json", "schema"), t)
		if rapid.IntRange(0, 19).Draw(t, "another type") == 0 {
			headers = append(headers, "Content-Type", rapid.SampledFrom([]string{"text/plain", "application/cbor", "application/x-www-form-urlencoded", "/"}).Draw(t, "type"))
		}
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	a := s.send(s.tokens[who], method, path, body, headers...)
	sent, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	about := fmt.Sprintf("%s %s %v %.2000s", method, path, headers, sent)
	s.check(t, about, name, op, a)
	if who != 0 {
		for _, hidden := range append([]string{marked}, s.foreign...) {
			if bytes.Contains(withoutFilters(a.text), []byte(hidden)) && !strings.Contains(about, hidden) {
				t.Fatalf("%s: the answer has another user's %s: %s", about, hidden, a.text)
			}
		}
	}
}

// withoutFilters leaves out the filters of actions and of saved views. Their users have written
// them: they may name whatever there is.
func withoutFilters(text []byte) []byte {
	var value any
	if json.Unmarshal(text, &value) != nil {
		return text
	}
	var leave func(any)
	leave = func(value any) {
		switch v := value.(type) {
		case map[string]any:
			delete(v, "filter")
			for _, in := range v {
				leave(in)
			}
		case []any:
			for _, in := range v {
				leave(in)
			}
		}
	}
	leave(value)
	left, err := json.Marshal(value)
	if err != nil {
		return text
	}
	return left
}

// check checks an answer against the document.
func (s *sender) check(t *rapid.T, about, name string, op *huma.Operation, a answer) {
	if a.StatusCode >= http.StatusInternalServerError {
		t.Fatalf("%s: %s: %s", about, a.Status, a.text)
	}
	status := strconv.Itoa(a.StatusCode)
	response := op.Responses[status]
	if response == nil {
		if status = "default"; op.Responses[status] == nil {
			t.Fatalf("%s: %s is not documented: %s", about, a.Status, a.text)
		}
		response = op.Responses[status]
	}
	kind, _, _ := strings.Cut(a.Header.Get("Content-Type"), ";")
	if a.StatusCode >= http.StatusBadRequest {
		if kind != "application/problem+json" || titles[Code(fmt.Sprint(a.field("code")))] == "" || a.field("status") != float64(a.StatusCode) {
			t.Fatalf("%s: %s is no problem with a known code: %s %s", about, a.Status, kind, a.text)
		}
	}
	if len(response.Content) == 0 {
		if len(a.text) > 0 {
			t.Fatalf("%s: %s has a body: %s", about, a.Status, a.text)
		}
		return
	}
	if response.Content[kind] == nil {
		t.Fatalf("%s: %s is of the type %q: %s", about, a.Status, kind, a.text)
	}
	method, path, _ := strings.Cut(name, " ")
	schema, err := s.schemas.Compile("openapi.json#/paths/" + strings.ReplaceAll(url.PathEscape(escape.Replace(path)), "/", "~1") +
		"/" + strings.ToLower(method) + "/responses/" + status + "/content/" + url.PathEscape(escape.Replace(kind)) + "/schema")
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(a.text))
	if err == nil {
		err = schema.Validate(value)
	}
	if err != nil {
		t.Fatalf("%s: the answer does not fit its schema: %v\n%s", about, err, a.text)
	}
}

// sendable reports whether a header can have the value.
func sendable(value string) bool {
	return !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' })
}

// odd are texts that break what reads them badly.
var odd = []string{"", " ", "\x00", "%", "%00", "'", "\"", "../..", "null", "-1", "0", "101", "1e99", "99999999999999999999", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "é", "\xff", "a,b", ",", "*", `"x"`, strings.Repeat("x", 600)}

// text draws a parameter's value, mostly one that fits its schema.
func (s *sender) text(schema map[string]any, t *rapid.T, label string) string {
	if rapid.IntRange(0, 3).Draw(t, label+" is odd") == 0 {
		return rapid.OneOf(rapid.SampledFrom(odd), rapid.String()).Draw(t, label)
	}
	value := s.value(schema, t, label, 0, 15)
	if list, is := value.([]any); is {
		var parts []string
		for _, one := range list {
			parts = append(parts, fmt.Sprint(one))
		}
		return strings.Join(parts, ",")
	}
	if value == nil || fmt.Sprint(value) == "" {
		return rapid.SampledFrom(slices.Concat(s.own, s.foreign, []string{uuid.NewString()})).Draw(t, label)
	}
	return fmt.Sprint(value)
}

// body draws a body: one that fits, one that has something odd in it, or no JSON at all.
func (s *sender) body(schema map[string]any, t *rapid.T) any {
	switch rapid.IntRange(0, 9).Draw(t, "body") {
	case 0:
		return rapid.SampledFrom([]string{"", "{", "null", "[]", "1", `"x"`, "{}", `{"a":`, "\xff\xfe", strings.Repeat("[", 20000)}).Draw(t, "text")
	case 1:
		return nil
	}
	return s.value(schema, t, "body", 0, 15)
}

// resolved returns the schema that one refers to.
func (s *sender) resolved(schema map[string]any) map[string]any {
	for ref, is := schema["$ref"].(string); is; ref, is = schema["$ref"].(string) {
		schema = at(s.document, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
	}
	return schema
}

// at returns an object within one.
func at(object map[string]any, path ...string) map[string]any {
	for _, name := range path {
		object, _ = object[name].(map[string]any)
	}
	return object
}

// value draws a value of a schema. One of odds is of another type; with 0 none is, and all is
// within the schema's bounds.
func (s *sender) value(schema map[string]any, t *rapid.T, label string, depth, odds int) any {
	if odds > 0 && depth > 0 && rapid.IntRange(1, odds).Draw(t, label+" is odd") == 1 {
		return rapid.SampledFrom([]any{nil, true, -1, 1e308, "", "\u0000", []any{}, map[string]any{}, strings.Repeat("x", 300)}).Draw(t, label)
	}
	schema = s.resolved(schema)
	if enum, is := schema["enum"].([]any); is {
		return rapid.SampledFrom(enum).Draw(t, label)
	}
	kind, _ := schema["type"].(string)
	if kinds, is := schema["type"].([]any); is {
		kind = rapid.SampledFrom(kinds).Draw(t, label+" type").(string)
	}
	number := func(keyword string, otherwise int) int {
		if n, is := schema[keyword].(float64); is {
			return int(n)
		}
		return otherwise
	}
	switch kind {
	case "null":
		return nil
	case "object":
		if strings.HasSuffix(label, ".campaign") && odds > 0 && rapid.Bool().Draw(t, "a whole campaign") {
			return launch()
		}
		object, fields := map[string]any{}, at(schema, "properties")
		required, _ := schema["required"].([]any)
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			// Deep below, what must not be there is mostly left out.
			if slices.Contains(required, any(name)) || rapid.IntRange(0, 1+depth).Draw(t, "with "+name) == 0 {
				object[name] = s.value(at(fields, name), t, label+"."+name, depth+1, odds)
			}
		}
		if number("maxProperties", 2) == 1 && odds == 0 {
			name := rapid.SampledFrom(slices.Sorted(maps.Keys(fields))).Draw(t, label+" has")
			object = map[string]any{name: s.value(at(fields, name), t, label+"."+name, depth+1, odds)}
		}
		if strings.HasSuffix(label, ".scenes[]") && odds == 0 {
			onePage(object, at(fields, "url")["examples"].([]any)[0])
		}
		return object
	case "array":
		list := []any{}
		most := min(number("minItems", 0)+3, number("maxItems", 3))
		for range rapid.IntRange(number("minItems", 0), most).Draw(t, label+" items") {
			list = append(list, s.value(at(schema, "items"), t, label+"[]", depth+1, odds))
		}
		return list
	case "integer", "number":
		step := number("multipleOf", 1)
		low := max(number("minimum", -1000), number("exclusiveMinimum", -1000)+1)
		return step * rapid.IntRange((low+step-1)/step, max(low, number("maximum", 1000))/step).Draw(t, label)
	case "boolean":
		return rapid.Bool().Draw(t, label)
	}
	if schema["format"] == "date-time" {
		return rapid.SampledFrom([]string{"2026-01-02T03:04:05Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"}).Draw(t, label)
	}
	if schema["format"] == "uuid" || strings.HasSuffix(label, "id") || strings.HasSuffix(label, "ids[]") {
		return rapid.SampledFrom(slices.Concat(s.own, s.foreign, []string{uuid.NewString(), uuid.Nil.String()})).Draw(t, label)
	}
	if examples, is := schema["examples"].([]any); is && rapid.Bool().Draw(t, label+" as in an example") {
		if text, is := rapid.SampledFrom(examples).Draw(t, label).(string); is {
			return text
		}
	}
	texts := []*rapid.Generator[string]{rapid.StringMatching(`[A-Za-z ]{1,12}`)}
	if odds > 0 {
		texts = append(texts, rapid.SampledFrom(odd))
	}
	return rapid.OneOf(texts...).Draw(t, label)
}

// onePage leaves a scene one page: at an address, or its html.
func onePage(scene map[string]any, address any) {
	options, _ := scene["options"].(map[string]any)
	delete(options, "html")
	if scene["html"] == nil {
		scene["url"] = cmp.Or(scene["url"], address)
		return
	}
	delete(scene, "url")
	delete(options, "image")
}

// A campaign that fits the document's schema is rendered, or refused by a rule that no schema has:
// with words, and with a pointer to a field of what was sent, or to one that was left out.
func TestACampaignIsWhatTheDocumentSays(t *testing.T) {
	t.Parallel()
	s := newSender(t)
	schema := at(s.document, "components", "schemas", campaign.SentCampaign)
	taken := 0
	rapid.Check(t, func(t *rapid.T) {
		whole := s.value(schema, t, "campaign", 0, 0).(map[string]any)
		if rapid.IntRange(0, 2).Draw(t, "plain") == 0 {
			whole = map[string]any{"scenes": whole["scenes"]}
			for _, scene := range whole["scenes"].([]any) {
				delete(scene.(map[string]any), "options")
			}
		}
		sent := map[string]any{"campaign": whole}
		if rapid.Bool().Draw(t, "broken") {
			broken := rapid.SampledFrom([]string{"scenes", "output_width", "output_options", "unknown"}).Draw(t, "field")
			sent["campaign"].(map[string]any)[broken] = "no such thing"
		}
		a := s.send(s.tokens[1], "POST", "/v1/renders", sent)
		if a.StatusCode == http.StatusAccepted {
			taken++
			return
		}
		text, err := json.Marshal(sent)
		if err != nil {
			t.Fatal(err)
		}
		var problem Problem
		if err := json.Unmarshal(a.text, &problem); err != nil || problem.Code != CodeInvalid || len(problem.Errors) == 0 {
			t.Fatalf("%s: %s: %s", text, a.Status, a.text)
		}
		for _, fault := range problem.Errors {
			if fault.Detail == "" || !within(sent, fault.Pointer[:max(0, strings.LastIndex(fault.Pointer, "/"))]) {
				t.Fatalf("%s: the pointer of %+v is to no field of what was sent", text, fault)
			}
		}
	})
	t.Logf("%d campaigns were taken", taken)
	if taken == 0 {
		t.Error("no campaign that fits the document's schema was taken")
	}
}

// within reports whether a pointer, as problems have them, points at something.
func within(value any, pointer string) bool {
	rest, whole := strings.CutPrefix(pointer, "#")
	for _, part := range strings.Split(rest, "/")[1:] {
		name, err := url.PathUnescape(part)
		if err != nil {
			return false
		}
		name = strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
		switch v := value.(type) {
		case map[string]any:
			if value, whole = v[name]; !whole {
				return false
			}
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(v) {
				return false
			}
			value = v[i]
		default:
			return false
		}
	}
	return whole
}
