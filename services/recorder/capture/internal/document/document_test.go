package document

import "testing"

func TestTheLoadOfADocumentIsKnownThoughItLeadsToNothingMeanwhile(t *testing.T) {
	t.Parallel()
	d := &Tracker{changed: make(chan struct{}, 1), now: State{Status: 200, Shown: true, Parsed: true}}
	d.startLoading()
	if d.Now().Loaded {
		t.Error("the document that was asked for is loaded before it came")
	}
	d.current().Loaded = true
	d.stopLoading()
	if want := (State{Status: 200, Shown: true, Parsed: true, Loaded: true}); d.Now() != want {
		t.Errorf("%+v, want %+v", d.Now(), want)
	}
}
