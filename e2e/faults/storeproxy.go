package faults

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"sync"
	"time"
)

// storeHost is the store's name in all URLs. Nothing resolves it: services reach the store through
// HTTP_PROXY, each by a link of its own.
const storeHost = "store.faults.test"

// storeProxy is an HTTP proxy before the S3 server that answers some calls badly.
type storeProxy struct {
	server *httptest.Server
	next   http.Handler

	mu    sync.Mutex
	rng   *rand.Rand
	share float64
	// done is how many calls went wrong.
	done int
	// healed is closed when calls that hang are to end.
	healed chan struct{}
}

// ill is a way in which a call goes wrong.
type ill string

const (
	// illRefused is an answer of 503.
	illRefused ill = "503"
	// illHangs gets no answer.
	illHangs ill = "hang"
	// illSlow is a body that comes byte by byte.
	illSlow ill = "slow"
	// illHalf is half an answer.
	illHalf ill = "half"
	// illUnheard is a call that is carried out and whose answer is lost.
	illUnheard ill = "unheard"
)

var ills = []ill{illRefused, illHangs, illSlow, illHalf, illUnheard}

func newStoreProxy(endpoint string) (*storeProxy, error) {
	target, err := url.Parse(endpoint)
	if err != nil {
		return nil, err
	}
	p := &storeProxy{healed: make(chan struct{})}
	p.next = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.URL.Path, r.Out.URL.RawPath, r.Out.URL.RawQuery = r.In.URL.Path, r.In.URL.RawPath, r.In.URL.RawQuery
			r.Out.Host = r.In.Host // which is signed
		},
		Transport:    &http.Transport{DisableKeepAlives: true},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	p.server = httptest.NewServer(p)
	return p, nil
}

// misbehave makes a share of all calls go wrong from now on.
func (p *storeProxy) misbehave(rng *rand.Rand, share float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rng, p.share, p.done = rng, share, 0
}

// heal answers all calls from now on, and ends those that hang.
func (p *storeProxy) heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.share = 0
	close(p.healed)
	p.healed = make(chan struct{})
}

// bad returns how many calls went wrong.
func (p *storeProxy) bad() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done
}

// choose returns how a call goes wrong; empty: it goes well.
func (p *storeProxy) choose() (ill, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.share == 0 || p.rng.Float64() >= p.share {
		return "", nil
	}
	p.done++
	return ills[p.rng.IntN(len(ills))], p.healed
}

func (p *storeProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i, healed := p.choose()
	switch i {
	case "":
		p.next.ServeHTTP(w, r)
	case illRefused:
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusServiceUnavailable)
	case illHangs:
		select {
		case <-r.Context().Done():
		case <-healed:
		}
		panic(http.ErrAbortHandler)
	default:
		answer := httptest.NewRecorder()
		answer.Body = &bytes.Buffer{}
		p.next.ServeHTTP(answer, r)
		body := answer.Body.Bytes()
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		if r.Method != http.MethodHead {
			w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		}
		switch i {
		case illHalf:
			if len(body) > 0 {
				w.WriteHeader(answer.Code)
				_, _ = w.Write(body[:len(body)/2])
				_ = http.NewResponseController(w).Flush()
			}
			panic(http.ErrAbortHandler)
		case illUnheard:
			panic(http.ErrAbortHandler)
		case illSlow:
			w.WriteHeader(answer.Code)
			drip(r.Context(), w, body)
		}
	}
}

// drip writes a body in small pieces, over about two seconds.
func drip(ctx context.Context, w http.ResponseWriter, body []byte) {
	control := http.NewResponseController(w)
	for _, piece := range pieces(body, 20) {
		if _, err := w.Write(piece); err != nil {
			return
		}
		_ = control.Flush()
		select {
		case <-ctx.Done():
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// pieces divides data into n parts, or fewer.
func pieces(data []byte, n int) (list [][]byte) {
	size := max(1, (len(data)+n-1)/n)
	for len(data) > 0 {
		cut := min(size, len(data))
		list, data = append(list, data[:cut]), data[cut:]
	}
	return list
}

func (p *storeProxy) close() {
	p.heal()
	p.server.CloseClientConnections()
	p.server.Close()
}
