package api

import (
	"bytes"
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
)

// sender draws requests of the document's operations, valid ones and broken ones, and checks their
// answers.
type sender struct {
	*site

	doc     *huma.OpenAPI
	ops     []string
	schemas *jsonschema.Compiler
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
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	s.schemas = jsonschema.NewCompiler()
	s.schemas.DefaultDraft(jsonschema.Draft2020)
	s.schemas.AssertFormat()
	if err := s.schemas.AddResource("openapi.json", parsed); err != nil {
		t.Fatal(err)
	}
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

// request sends one request, and checks its answer.
func (s *sender) request(t *rapid.T) {
	name := rapid.SampledFrom(s.ops).Draw(t, "operation")
	method, path, _ := strings.Cut(name, " ")
	item := s.doc.Paths[path]
	op := map[string]*huma.Operation{"GET": item.Get, "POST": item.Post, "PUT": item.Put, "PATCH": item.Patch, "DELETE": item.Delete}[method]
	who := rapid.SampledFrom([]int{0, 1, 1, 1, 2, 3, 4}).Draw(t, "who")
	query, headers := url.Values{}, []string{}
	for _, p := range op.Parameters {
		switch p.In {
		case "path":
			value := s.text(p.Schema, t, p.Name)
			if value == "" || value == "." || value == ".." { // that is another path
				value = "x"
			}
			path = strings.ReplaceAll(path, "{"+p.Name+"}", url.PathEscape(value))
		case "query":
			if rapid.Bool().Draw(t, "with "+p.Name) {
				query.Set(p.Name, s.text(p.Schema, t, p.Name))
			}
		case "header":
			if value := s.text(p.Schema, t, p.Name); rapid.Bool().Draw(t, "with "+p.Name) && sendable(value) {
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
		body = s.body(op.RequestBody.Content["application/json"].Schema, t)
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
			if bytes.Contains(a.text, []byte(hidden)) && !strings.Contains(about, hidden) {
				t.Fatalf("%s: the answer has another user's %s: %s", about, hidden, a.text)
			}
		}
	}
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
func (s *sender) text(schema *huma.Schema, t *rapid.T, label string) string {
	if rapid.IntRange(0, 3).Draw(t, label+" is odd") == 0 {
		return rapid.OneOf(rapid.SampledFrom(odd), rapid.String()).Draw(t, label)
	}
	value := s.value(s.resolved(schema), t, label, 0)
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
func (s *sender) body(schema *huma.Schema, t *rapid.T) any {
	switch rapid.IntRange(0, 9).Draw(t, "body") {
	case 0:
		return rapid.SampledFrom([]string{"", "{", "null", "[]", "1", `"x"`, "{}", `{"a":`, "\xff\xfe", strings.Repeat("[", 20000)}).Draw(t, "text")
	case 1:
		return nil
	}
	return s.value(s.resolved(schema), t, "body", 0)
}

func (s *sender) resolved(schema *huma.Schema) *huma.Schema {
	if schema.Ref != "" {
		return s.doc.Components.Schemas.SchemaFromRef(schema.Ref)
	}
	return schema
}

// value draws a value of a schema, seldom one of another type.
func (s *sender) value(schema *huma.Schema, t *rapid.T, label string, depth int) any {
	if depth > 0 && rapid.IntRange(0, 14).Draw(t, label+" is odd") == 0 {
		return rapid.SampledFrom([]any{nil, true, -1, 1e308, "", "\u0000", []any{}, map[string]any{}, strings.Repeat("x", 300)}).Draw(t, label)
	}
	if len(schema.Enum) > 0 {
		return rapid.SampledFrom(schema.Enum).Draw(t, label)
	}
	switch schema.Type {
	case huma.TypeObject:
		if strings.HasSuffix(label, ".campaign") && rapid.Bool().Draw(t, "a whole campaign") {
			return launch()
		}
		object := map[string]any{}
		for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
			if slices.Contains(schema.Required, name) || rapid.Bool().Draw(t, "with "+name) {
				object[name] = s.value(s.resolved(schema.Properties[name]), t, label+"."+name, depth+1)
			}
		}
		return object
	case huma.TypeArray:
		list := []any{}
		for range rapid.IntRange(0, 3).Draw(t, label+" items") {
			list = append(list, s.value(s.resolved(schema.Items), t, label+"[]", depth+1))
		}
		return list
	case huma.TypeInteger, huma.TypeNumber:
		low, high := -1000, 1000
		if schema.Minimum != nil {
			low = int(*schema.Minimum)
		}
		if schema.Maximum != nil {
			high = int(*schema.Maximum)
		}
		return rapid.IntRange(low, high).Draw(t, label)
	case huma.TypeBoolean:
		return rapid.Bool().Draw(t, label)
	}
	if schema.Format == "date-time" {
		return rapid.SampledFrom([]string{"2026-01-02T03:04:05Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"}).Draw(t, label)
	}
	if schema.Format == "uuid" || strings.HasSuffix(label, "id") || strings.HasSuffix(label, "ids[]") {
		return rapid.SampledFrom(slices.Concat(s.own, s.foreign, []string{uuid.NewString(), uuid.Nil.String()})).Draw(t, label)
	}
	return rapid.OneOf(rapid.SampledFrom(odd), rapid.StringMatching(`[A-Za-z ]{1,12}`)).Draw(t, label)
}
