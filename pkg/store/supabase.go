package store

import (
	"net/url"
	"strings"
)

// CheckSupabase reports settings of a Supabase project that do not open its Storage: the Node
// worker used the service role key, but S3 needs keys of its own. It calls add with each variable
// and what it must be.
func CheckSupabase(environ map[string]string, add func(variable, wants string)) {
	project := environ["SUPABASE_URL"]
	if project == "" && environ["SUPABASE_SERVICE_ROLE_KEY"] == "" {
		return
	}
	const where = " (the service role key does not open Storage's S3 endpoint: in the Supabase dashboard, under" +
		" Project Settings > Storage > S3 access keys, create one)"
	if environ["S3_ENDPOINT"] == "" {
		add("S3_ENDPOINT", "your project's S3 endpoint, "+supabaseEndpoint(project))
	}
	if environ["S3_ACCESS_KEY_ID"] == "" {
		add("S3_ACCESS_KEY_ID", "the access key ID of an S3 access key"+where)
	}
	if environ["S3_SECRET_ACCESS_KEY"] == "" {
		add("S3_SECRET_ACCESS_KEY", "the secret of that S3 access key")
	}
	if environ["S3_REGION"] == "" && environ["S3_ENDPOINT"] == "" {
		add("S3_REGION", "the region that the dashboard shows there")
	}
}

// supabasePath is the path of a Supabase project's S3 endpoint.
const supabasePath = "/storage/v1/s3"

// isSupabase reports whether endpoint belongs to a Supabase project, hosted or not.
func isSupabase(endpoint string) bool {
	u, err := url.Parse(endpoint)
	return err == nil && (strings.HasSuffix(u.Hostname(), ".supabase.co") || strings.TrimRight(u.Path, "/") == supabasePath)
}

// supabaseEndpoint returns a project's S3 endpoint: for https://<ref>.supabase.co it is
// https://<ref>.storage.supabase.co/storage/v1/s3, for a self-hosted project <URL>/storage/v1/s3.
func supabaseEndpoint(project string) string {
	u, err := url.Parse(project)
	if err != nil || u.Host == "" {
		return "https://<project>.storage.supabase.co" + supabasePath
	}
	if ref, hosted := strings.CutSuffix(u.Host, ".supabase.co"); hosted {
		return "https://" + ref + ".storage.supabase.co" + supabasePath
	}
	return u.Scheme + "://" + u.Host + supabasePath
}
