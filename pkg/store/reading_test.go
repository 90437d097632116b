package store_test

import (
	"slices"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/pkg/store/storetest"
)

func TestWhatATryThatWasKilledLeftIsDeleted(t *testing.T) {
	client := storetest.Client(t)
	bucket := storetest.Bucket(t, client)
	for key, age := range map[string]time.Duration{
		"loom-probe/left": 2 * time.Hour, "loom-probe/anothers": 0, "video.mp4": 1000 * time.Hour, "loom-probes/of-the-app": 2 * time.Hour,
	} {
		if err := client.Put(t.Context(), bucket, key, "video/mp4", []byte("x")); err != nil {
			t.Fatal(err)
		}
		storetest.Age(t, bucket, key, age)
	}
	urls := func(key string) []string { return storetest.Server(t).UnsignedURLs(bucket, key) }
	if reads, err := client.AnybodyReads(t.Context(), bucket, "video/mp4", urls); err != nil || reads {
		t.Fatalf("anybody reads: %v, %v", reads, err)
	}
	keys, err := client.Keys(t.Context(), bucket, "")
	if want := []string{"loom-probe/anothers", "loom-probes/of-the-app", "video.mp4"}; err != nil || !slices.Equal(keys, want) {
		t.Errorf("the bucket has %q, %v; want %q", keys, err, want)
	}
}
