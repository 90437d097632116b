package capture

import "testing"

func TestTheLoadOfADocumentIsKnownThoughItLeadsToNothingMeanwhile(t *testing.T) {
	t.Parallel()
	d := &document{changed: make(chan struct{}, 1), documentState: documentState{status: 200, shown: true, parsed: true}}
	d.startLoading()
	if d.state().loaded {
		t.Error("the document that was asked for is loaded before it came")
	}
	d.current().loaded = true
	d.stopLoading()
	if want := (documentState{status: 200, shown: true, parsed: true, loaded: true}); d.state() != want {
		t.Errorf("%+v, want %+v", d.state(), want)
	}
}
