package store_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/service"
	"github.com/loom-lite/loom-lite/pkg/store"
)

func TestCheckNamesTheVariable(t *testing.T) {
	for name, test := range map[string]struct {
		cfg  store.Config
		want string
	}{
		"good":        {store.Config{Endpoint: "https://ref.storage.supabase.co/storage/v1/s3"}, ""},
		"no scheme":   {store.Config{Endpoint: "localhost:9000"}, "S3_ENDPOINT"},
		"credentials": {store.Config{Endpoint: "http://key:secret@localhost:9000"}, "S3_ENDPOINT"},
	} {
		var got []string
		test.cfg.Check(func(variable, _ string) { got = append(got, variable) })
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s: %v, want %q", name, got, test.want)
		}
	}
}

func TestBoundsAreThoseOfS3(t *testing.T) {
	environ := map[string]string{
		"S3_ENDPOINT": "http://localhost:9000", "S3_ACCESS_KEY_ID": "a", "S3_SECRET_ACCESS_KEY": "b", "S3_CHECKSUMS": "when_supported",
	}
	for value, good := range map[string]bool{
		"": true, "5242879": false, "5242880": true, strconv.Itoa(msg.MaxObject): true, strconv.Itoa(msg.MaxObject + 1): false,
	} {
		environ["S3_MAX_OBJECT_BYTES"] = value
		var cfg store.Config
		var problems service.Problems
		problems.Load(&cfg, environ)
		if err := problems.Err(); (err == nil) != good {
			t.Errorf("S3_MAX_OBJECT_BYTES=%s: %v", value, err)
		}
	}
	environ["S3_CHECKSUMS"] = "sometimes"
	var problems service.Problems
	problems.Load(&store.Config{}, environ)
	if err := problems.Err(); err == nil || !strings.Contains(err.Error(), "S3_CHECKSUMS must be when_required or when_supported") {
		t.Errorf("%v", err)
	}
}

func TestTheNodeWorkersSupabaseSettingsAreAnsweredWithWhatToSet(t *testing.T) {
	wants := map[string]string{}
	store.CheckSupabase(map[string]string{
		"SUPABASE_URL": "https://abcdefgh.supabase.co", "SUPABASE_SERVICE_ROLE_KEY": "eyJ.secret",
	}, func(variable, want string) { wants[variable] = want })
	if !strings.Contains(wants["S3_ENDPOINT"], "https://abcdefgh.storage.supabase.co/storage/v1/s3") {
		t.Errorf("S3_ENDPOINT wants %q", wants["S3_ENDPOINT"])
	}
	if !strings.Contains(wants["S3_ACCESS_KEY_ID"], "S3 access keys") || wants["S3_SECRET_ACCESS_KEY"] == "" {
		t.Errorf("keys: %v", wants)
	}
	for _, want := range wants {
		if strings.Contains(want, "eyJ") {
			t.Error("the service role key is quoted")
		}
	}
	clear(wants)
	store.CheckSupabase(map[string]string{
		"SUPABASE_URL": "https://abcdefgh.supabase.co", "S3_ENDPOINT": "http://s3", "S3_ACCESS_KEY_ID": "a", "S3_SECRET_ACCESS_KEY": "b",
	}, func(variable, want string) { wants[variable] = want })
	if len(wants) != 0 {
		t.Errorf("complaints about complete settings: %v", wants)
	}
}
