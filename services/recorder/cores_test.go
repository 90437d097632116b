package recorder

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// browser is where a Chrome was put.
type browser struct{ cpus string }

func (b *browser) pin(cpus []int) { b.cpus = fmt.Sprint(cpus) }

func TestCoresAreSharedOutEvenly(t *testing.T) {
	type step struct {
		join, leave int // how many come; which goes, from 1
		still       int // which comes to rest, from 1
		moves       int // which moves again, from 1
		want        string
	}
	for name, test := range map[string]struct {
		cpus  []int
		steps []step
	}{
		"one scene may use all cores": {[]int{0, 1}, []step{{join: 1, want: ""}}},
		"each has one, when there are enough": {[]int{0, 1}, []step{
			{join: 2, want: "[0] [1]"},
			{leave: 1, want: "[0 1]"},
			{join: 1, want: "[0] [1]"},
		}},
		"one too many fills the gaps": {[]int{0, 1}, []step{
			{join: 3, want: "[0] [1] "},
			{join: 1, want: "[0] [1] [0] [1]"},
			{leave: 1, want: "[0] [1] [0 1]"},
		}},
		"a page that stands still has one": {[]int{4, 6, 9}, []step{
			{join: 2, want: " "},
			{still: 2, want: " [6]"},
			{still: 1, want: "[4] [6]"},
			{moves: 2, want: "[4] [4 6 9]"},
			{leave: 2, want: "[4]"},
		}},
		"there is nothing to share out": {[]int{3}, []step{{join: 2, want: " "}, {still: 1, want: " "}}},
		"they belong to others, too":    {nil, []step{{join: 2, want: " "}, {still: 1, want: " "}}},
	} {
		t.Run(name, func(t *testing.T) {
			c := &cores{cpus: test.cpus}
			var seats []*seat
			var browsers []*browser
			for i, s := range test.steps {
				for range s.join {
					b := &browser{}
					browsers = append(browsers, b)
					seats = append(seats, c.join(b.pin))
				}
				switch {
				case s.leave > 0:
					seats[s.leave-1].leave()
					seats, browsers = slices.Delete(seats, s.leave-1, s.leave), slices.Delete(browsers, s.leave-1, s.leave)
				case s.still > 0:
					seats[s.still-1].rest(true)
				case s.moves > 0:
					seats[s.moves-1].rest(false)
				}
				var got []string
				for _, b := range browsers {
					got = append(got, b.cpus)
				}
				if where := strings.Join(got, " "); where != s.want {
					t.Fatalf("after step %d the browsers are on %q, want %q", i, where, s.want)
				}
			}
		})
	}
}

// pictures is a sink to which a picture is another one when it is not empty.
type pictures struct{}

func (pictures) Frame(jpeg []byte) (changed bool, err error) { return len(jpeg) > 0, nil }
func (pictures) Repeat() error                               { return nil }

func TestAPageIsStillWhenItsChangesAreFarApart(t *testing.T) {
	b := &browser{}
	s := &seated{Sink: pictures{}, cores: &cores{cpus: []int{0, 1}}, pin: b.pin}
	for i, part := range []struct {
		changed, equal int // frames, one after the other
		want           string
	}{
		{1, 0, ""}, // the first
		{0, restful - 1, ""},
		{1, restful - 1, ""},
		{0, 1, "[0]"},
		{1, restful, "[0]"}, // a clock's hand
		{1, 1, "[0]"},
		{1, 0, "[0 1]"},
		{5, restful, "[0]"},
	} {
		for range part.changed {
			_, _ = s.Frame([]byte("jpeg"))
		}
		for range part.equal {
			_ = s.Repeat()
		}
		if b.cpus != part.want {
			t.Fatalf("after part %d the browser is on %q, want %q", i, b.cpus, part.want)
		}
	}
	s.leave()
	if left := len(s.cores.scenes); left != 0 {
		t.Errorf("%d scenes have places after all have left", left)
	}
}
