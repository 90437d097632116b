package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/store"
	"github.com/loom-lite/loom-lite/pkg/store/storetest"
)

// call is something that a key may be used for.
type call struct {
	name string
	do   func(context.Context, *store.Client) error
}

// shelf is buckets with one object each, "object".
type shelf struct {
	storetest.Buckets
	t     *testing.T
	owner *store.Client
}

func newShelf(t *testing.T) *shelf {
	t.Helper()
	s := &shelf{t: t, owner: storetest.Client(t)}
	for _, bucket := range []*string{&s.Work, &s.Videos, &s.Thumbnails} {
		*bucket = storetest.Bucket(t, s.owner)
		if err := s.owner.Put(t.Context(), *bucket, "object", "video/mp4", []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s *shelf) list(bucket string) call {
	return call{"list", func(ctx context.Context, c *store.Client) error { return c.Ping(ctx, bucket) }}
}

func (s *shelf) look(bucket string) call {
	return call{"look up an object", func(ctx context.Context, c *store.Client) error {
		_, err := c.Size(ctx, bucket, "object")
		return err
	}}
}

func (s *shelf) read(bucket string) call {
	return call{"read at a signed URL", func(ctx context.Context, c *store.Client) error {
		url, err := c.PresignGet(ctx, bucket, "object", time.Minute)
		if err != nil {
			return err
		}
		return s.exchange(ctx, http.MethodGet, url)
	}}
}

func (s *shelf) write(bucket, key string) call {
	return call{"write " + key + " at a signed URL", func(ctx context.Context, c *store.Client) error {
		url, err := c.PresignPut(ctx, bucket, key, "video/mp4", time.Minute)
		if err != nil {
			return err
		}
		return s.exchange(ctx, http.MethodPut, url)
	}}
}

func (s *shelf) delete(bucket, key string) call {
	return call{"delete " + key, func(ctx context.Context, c *store.Client) error { return c.Delete(ctx, bucket, key) }}
}

func (s *shelf) copy(to string) call {
	return call{"copy a work object", func(ctx context.Context, c *store.Client) error {
		return c.Copy(ctx, s.Work, "object", to, "copy", store.Copying{ContentType: "video/mp4"})
	}}
}

func (s *shelf) join(to string) call {
	return call{"join work objects", func(ctx context.Context, c *store.Client) error {
		return c.Join(ctx, s.Work, []string{"object"}, to, "joined", store.Copying{ContentType: "video/mp4"})
	}}
}

func (s *shelf) abort(bucket string) call {
	return call{"end uploads", func(ctx context.Context, c *store.Client) error {
		storetest.BeginUpload(s.t, bucket, "upload")
		defer s.owner.AbortUploads(context.WithoutCancel(ctx), bucket, func(string, time.Time) bool { return true })
		_, err := c.AbortUploads(ctx, bucket, func(string, time.Time) bool { return true })
		return err
	}}
}

func (s *shelf) exchange(ctx context.Context, method string, url msg.SignedURL) error {
	request, err := http.NewRequestWithContext(ctx, method, string(url), strings.NewReader(""))
	if err != nil {
		return err
	}
	request.Close = true
	request.Header.Set("Content-Type", "video/mp4")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusForbidden:
		return store.ErrDenied
	}
	return errors.New(response.Status)
}

// key is a service's key: what it is for, and what it must not do. Tests of the services, and those
// of whole renders, use keys with the same policies.
type key struct{ may, mustNot []call }

// in gives calls the name of their bucket.
func in(bucket string, calls ...call) []call {
	for i := range calls {
		calls[i].name = bucket + ": " + calls[i].name
	}
	return calls
}

func (s *shelf) keys(other string) map[string]key {
	const probe = "loom-probe/x"
	w, v, th := s.Work, s.Videos, s.Thumbnails
	foreign := in("another bucket", s.list(other), s.look(other), s.read(other), s.write(other, "object"), s.delete(other, "object"),
		s.copy(other), s.join(other), s.abort(other))
	makes := func(bucket string) call {
		return call{"make", func(ctx context.Context, c *store.Client) error { return c.EnsureBucket(ctx, bucket) }}
	}
	publishes := func(bucket string) call {
		return call{"let anybody read", func(ctx context.Context, c *store.Client) error { return c.AllowPublicRead(ctx, bucket) }}
	}
	never := slices.Concat(foreign, in("a new bucket", makes(s.Work+"-new")),
		in("work", publishes(w)), in("videos", publishes(v)), in("thumbnails", publishes(th)))
	return map[string]key{
		"ingest": {
			may: slices.Concat(
				in("work", s.list(w), s.look(w), s.read(w), s.write(w, "object"), s.abort(w), s.delete(w, "gone"), makes(w)),
				in("videos", s.delete(v, "gone"), s.abort(v)), in("thumbnails", s.delete(th, "gone"))),
			mustNot: slices.Concat(never,
				in("videos", s.list(v), s.look(v), s.read(v), s.write(v, "object"), s.copy(v), s.join(v)),
				in("thumbnails", s.list(th), s.look(th), s.read(th), s.write(th, "object"), s.copy(th), s.join(th), s.abort(th))),
		},
		"uploader": {
			may: slices.Concat(
				in("work", s.list(w), s.look(w), s.read(w), s.write(w, probe), s.delete(w, probe)),
				in("videos", s.list(v), s.look(v), s.read(v), s.write(v, "object"), s.copy(v), s.join(v), s.abort(v), s.delete(v, "gone")),
				in("thumbnails", s.list(th), s.look(th), s.read(th), s.write(th, "object"), s.copy(th), s.delete(th, "gone"))),
			mustNot: slices.Concat(never,
				in("work", s.write(w, "object"), s.delete(w, "object"), s.copy(w), s.join(w), s.abort(w)),
				in("thumbnails", s.abort(th))),
		},
	}
}

func TestAKeyMayDoWhatItsServiceDoesAndNoMore(t *testing.T) {
	t.Parallel()
	s, other := newShelf(t), newShelf(t)
	for service, k := range s.keys(other.Work) {
		client, _ := storetest.Key(t, storetest.Policy(t, service, s.Buckets))
		for _, c := range k.may {
			if err := c.do(t.Context(), client); err != nil {
				t.Errorf("%s, %s: %v", service, c.name, err)
			}
		}
		for _, c := range k.mustNot {
			if err := c.do(t.Context(), client); !errors.Is(err, store.ErrDenied) {
				t.Errorf("%s, %s: it is not refused: %v", service, c.name, err)
			}
		}
	}
}

// statement is a statement of a policy.
type statement struct {
	Effect           string
	Action, Resource oneOrMore
}

// oneOrMore is a text, or a list of them.
type oneOrMore []string

func (o *oneOrMore) UnmarshalJSON(data []byte) error {
	if data[0] == '[' {
		return json.Unmarshal(data, (*[]string)(o))
	}
	*o = oneOrMore{""}
	return json.Unmarshal(data, &(*o)[0])
}

// Without any one of a policy's rights, something that the service does is refused.
func TestAPolicyGivesNoRightThatIsNotNeeded(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	for service, k := range s.keys("not-there") {
		var policy struct{ Statement []statement }
		if err := json.Unmarshal([]byte(storetest.Policy(t, service, s.Buckets)), &policy); err != nil {
			t.Fatal(err)
		}
		var rights []statement // of one action on one resource each
		for _, st := range policy.Statement {
			for _, action := range st.Action {
				for _, resource := range st.Resource {
					rights = append(rights, statement{st.Effect, oneOrMore{action}, oneOrMore{resource}})
				}
			}
		}
		for i, right := range rights {
			rest, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": slices.Delete(slices.Clone(rights), i, i+1)})
			if err != nil {
				t.Fatal(err)
			}
			client, _ := storetest.Key(t, string(rest))
			if !slices.ContainsFunc(k.may, func(c call) bool { return c.do(t.Context(), client) != nil }) {
				t.Errorf("%s does not need %s on %s", service, right.Action[0], right.Resource[0])
			}
		}
	}
}

// Workers hold no key: what they are not given a signed URL for is refused.
func TestWhoHoldsNoKeyIsRefused(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	server := storetest.Server(t)
	for _, bucket := range []string{s.Work, s.Videos} {
		at := msg.SignedURL(server.Endpoint + "/" + bucket)
		for method, url := range map[string]msg.SignedURL{
			http.MethodGet: at, http.MethodHead: at + "/object", http.MethodPut: at + "/object", http.MethodDelete: at + "/object",
		} {
			if err := s.exchange(t.Context(), method, url); !errors.Is(err, store.ErrDenied) {
				t.Errorf("%s %s: %v", method, url, err)
			}
		}
	}
	// A signed URL is for one object and one method.
	client, _ := storetest.Key(t, storetest.Policy(t, "ingest", s.Buckets))
	signed, err := client.PresignGet(t.Context(), s.Work, "object", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.exchange(t.Context(), http.MethodGet, signed); err != nil {
		t.Error(err)
	}
	for method, url := range map[string]msg.SignedURL{
		http.MethodPut: signed, http.MethodDelete: signed,
		http.MethodGet: msg.SignedURL(strings.Replace(string(signed), "/object?", "/other?", 1)),
	} {
		if err := s.exchange(t.Context(), method, url); !errors.Is(err, store.ErrDenied) {
			t.Errorf("%s of a URL signed for something else: %v", method, err)
		}
	}
}
