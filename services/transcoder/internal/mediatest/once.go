package mediatest

import (
	"fmt"
	"sync"
	"testing"
)

// made holds the files that several tests need, by what they are made of.
var made sync.Map // of *file by string

type file struct {
	once sync.Once
	data []byte
}

// once calls create for the first test that needs a file, and returns the same content to all. key
// says what the file is made of; the caller must not change the content.
func once(t *testing.T, key string, create func() []byte) []byte {
	t.Helper()
	entry, _ := made.LoadOrStore(key, new(file))
	f := entry.(*file)
	f.once.Do(func() { f.data = create() })
	if f.data == nil {
		t.Fatalf("another test failed to make %s", key)
	}
	return f.data
}

// key is a file's key: its kind, and what it is made of.
func key(kind string, of ...any) string { return fmt.Sprintf("%s %q", kind, fmt.Sprint(of...)) }
