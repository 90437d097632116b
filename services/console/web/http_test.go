package web_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
)

// get requests a page, and returns the answer's status, headers and body.
func (p *person) get(path string) (status int, header http.Header, body string) {
	p.t.Helper()
	return p.do(http.MethodGet, path, nil, nil)
}

// post sends a form, as a browser on a page of ours does.
func (p *person) post(path string, form url.Values) (status int, header http.Header, body string) {
	p.t.Helper()
	return p.do(http.MethodPost, path, form, http.Header{"Sec-Fetch-Site": {"same-origin"}})
}

func (p *person) do(method, path string, form url.Values, header http.Header) (int, http.Header, string) {
	p.t.Helper()
	address := path
	if !strings.HasPrefix(path, "http") {
		address = p.url + path
	}
	r, err := http.NewRequestWithContext(p.t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		p.t.Fatal(err)
	}
	for name, values := range header {
		r.Header[name] = values
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer, err := p.client.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return answer.StatusCode, answer.Header, string(body)
}
