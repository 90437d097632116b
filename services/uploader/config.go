package uploader

import (
	"net/url"
	"strings"

	"github.com/loom-lite/loom-lite/pkg/postgres"
	"github.com/loom-lite/loom-lite/pkg/service"
	"github.com/loom-lite/loom-lite/pkg/store"
	"github.com/loom-lite/loom-lite/services/uploader/internal/share"
)

// Values of PUBLIC_URLS.
const (
	// urlsSupabase: <SUPABASE_URL>/storage/v1/object/public/<bucket>/<key>.
	urlsSupabase = "supabase"
	// urlsPath: <PUBLIC_URL_BASE>/<bucket>/<key>.
	urlsPath = "path"
	// urlsPresigned: URLs that work for 7 days, for buckets that are not public.
	urlsPresigned = "presigned"
)

// Config is the uploader's settings.
type Config struct {
	service.Base
	// Store is where the work, the videos and the thumbnails are.
	Store store.Config
	// DatabaseURL is the app's Postgres, directly or through a pooler.
	DatabaseURL string `env:"DATABASE_URL,required" wants:"the URL of the app's PostgreSQL database, such as postgres://user@host:5432/database, with the password in DATABASE_PASSWORD or, percent-encoded, after user:"`
	// DatabasePassword is the password of DatabaseURL, as it is.
	DatabasePassword string `env:"DATABASE_PASSWORD"`
	// Connections bounds the connections to the database.
	Connections int `env:"DATABASE_CONNECTIONS" envDefault:"5" min:"2" max:"100"`
	// Slots is how many renders are stored at once.
	Slots int `env:"UPLOADER_SLOTS" envDefault:"2" min:"1"`

	// WorkBucket holds the outputs of the other stages.
	WorkBucket string `env:"STORAGE_BUCKET_WORK" envDefault:"loom-work"`
	// VideoBucket and ThumbnailBucket take the finished files.
	VideoBucket     string `env:"STORAGE_BUCKET_VIDEOS" envDefault:"videos"`
	ThumbnailBucket string `env:"STORAGE_BUCKET_THUMBNAILS" envDefault:"thumbnails"`

	// PublicURLs is the form of the URLs written to renders: supabase, path or presigned. Default
	// supabase when SupabaseURL is set, else path.
	PublicURLs string `env:"PUBLIC_URLS" oneof:"supabase path presigned"`
	// SupabaseURL is the project's URL, https://<ref>.supabase.co.
	SupabaseURL string `env:"SUPABASE_URL"`
	// PublicURLBase is the base of path URLs, a CDN for instance. Default Store.Endpoint.
	PublicURLBase string `env:"PUBLIC_URL_BASE"`
	// ShareTemplate is the file of the template for pages to share. Default: a built-in one.
	ShareTemplate string `env:"SHARE_TEMPLATE"`

	// WorkDir holds the tasks' folders. Default os.TempDir().
	WorkDir string `env:"WORK_DIR"`
}

// LoadConfig reads and checks the settings. Its error names every one that is missing or wrong.
func LoadConfig(environ map[string]string) (Config, error) {
	var cfg Config
	var problems service.Problems
	// These say more than that a variable is missing, so they take precedence.
	store.CheckSupabase(environ, problems.AddMissing)
	problems.Load(&cfg, environ)
	cfg.Store.Check(problems.Add)
	cfg.DatabaseURL = postgres.WithPassword(cfg.DatabaseURL, cfg.DatabasePassword)
	if _, err := postgres.Config(cfg.DatabaseURL, ""); err != nil {
		problems.Wrong("DATABASE_URL")
	}
	cfg.Settle()
	switch cfg.PublicURLs {
	case urlsSupabase:
		if !isBase(cfg.SupabaseURL) {
			problems.Add("SUPABASE_URL", "the project's URL, such as https://<ref>.supabase.co")
		}
	case urlsPath:
		if cfg.PublicURLBase != "" && !isBase(cfg.PublicURLBase) {
			problems.Add("PUBLIC_URL_BASE", "an http or https URL without a query")
		}
	}
	if _, err := share.Load(cfg.ShareTemplate); err != nil {
		problems.Add("SHARE_TEMPLATE", "the path of a template as docs/reference/output-options.md describes it: "+err.Error())
	}
	return cfg, problems.Err()
}

// Settle fills in the settings of public URLs that are not set.
func (c *Config) Settle() {
	if c.PublicURLs == "" {
		c.PublicURLs = urlsPath
		if c.SupabaseURL != "" {
			c.PublicURLs = urlsSupabase
		}
	}
	if c.PublicURLBase == "" {
		c.PublicURLBase = c.Store.Endpoint
	}
}

// publicURL returns the URL of an object of a public bucket.
func (c *Config) publicURL(bucket, key string) string {
	if c.PublicURLs == urlsSupabase {
		return join(c.SupabaseURL, "storage/v1/object/public", bucket, key)
	}
	return join(c.PublicURLBase, bucket, key)
}

func isBase(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.RawQuery == "" && u.User == nil
}

// join appends path elements to a base URL, each escaped, slashes kept.
func join(base string, elements ...string) string {
	var b strings.Builder
	b.WriteString(strings.TrimRight(base, "/"))
	for _, element := range elements {
		for part := range strings.SplitSeq(element, "/") {
			b.WriteString("/" + url.PathEscape(part))
		}
	}
	return b.String()
}
