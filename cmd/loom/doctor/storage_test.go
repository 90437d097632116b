package doctor

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/store"
	"github.com/loom-lite/loom-lite/pkg/store/storetest"
)

func TestStorageThatIsSetUpOtherwiseThanItsUseIsTold(t *testing.T) {
	cfg, supabase := storetest.AsSupabase(t)
	client, err := store.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	environ := map[string]string{
		"S3_ENDPOINT": cfg.Endpoint, "S3_ACCESS_KEY_ID": cfg.AccessKeyID, "S3_SECRET_ACCESS_KEY": cfg.SecretAccessKey,
		"SUPABASE_URL":          supabase.Endpoint,
		"STORAGE_BUCKET_VIDEOS": storetest.Bucket(t, client), "STORAGE_BUCKET_THUMBNAILS": storetest.Bucket(t, client),
		"STORAGE_BUCKET_WORK": storetest.Bucket(t, client),
	}
	tell := func() string {
		var b strings.Builder
		Print(&b, objects(t.Context(), environ))
		return b.String()
	}
	for _, words := range []string{"STORAGE_BUCKET_VIDEOS", "STORAGE_BUCKET_THUMBNAILS", "make it public, or set PUBLIC_URLS=presigned"} {
		if text := tell(); !strings.Contains(text, words) {
			t.Errorf("private buckets, and public URLs: %q is not in\n%s", words, text)
		}
	}
	environ["PUBLIC_URLS"] = "presigned"
	if findings := objects(t.Context(), environ); AnyMissing(findings) {
		t.Errorf("private buckets, and signed URLs:\n%s", tell())
	}
	// Supabase takes no policies.
	if err := storetest.Client(t).AllowPublicRead(t.Context(), environ["STORAGE_BUCKET_WORK"]); err != nil {
		t.Fatal(err)
	}
	if text := tell(); !strings.Contains(text, "make it private") || !strings.Contains(text, "STORAGE_BUCKET_WORK") {
		t.Errorf("a work bucket for everybody:\n%s", text)
	}

	gateway := httptest.NewServer(http.NotFoundHandler())
	defer gateway.Close()
	environ["S3_ENDPOINT"] = gateway.URL + "/storage/v1"
	if text := tell(); !strings.Contains(text, "not an S3 store") || strings.Contains(text, "create the bucket") {
		t.Errorf("a wrong path:\n%s", text)
	}
}
