package console

import (
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/loom-lite/loom-lite/pkg/egress"
	"github.com/loom-lite/loom-lite/pkg/postgres"
	"github.com/loom-lite/loom-lite/pkg/service"
	"github.com/loom-lite/loom-lite/pkg/store"
	"github.com/loom-lite/loom-lite/services/console/alerts"
	"github.com/loom-lite/loom-lite/services/console/receipts"
	"github.com/loom-lite/loom-lite/services/console/webhooks"
)

// Config is the console's settings.
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
	// WorkBucket has the failure bundles.
	WorkBucket string `env:"STORAGE_BUCKET_WORK" envDefault:"loom-work"`
	// VideoBucket and ThumbnailBucket have what renders have made.
	VideoBucket     string `env:"STORAGE_BUCKET_VIDEOS" envDefault:"videos"`
	ThumbnailBucket string `env:"STORAGE_BUCKET_THUMBNAILS" envDefault:"thumbnails"`
	// WebPort serves the API and the dashboard. 0 takes a free one.
	WebPort int `env:"CONSOLE_PORT" envDefault:"3200" min:"0" max:"65535" wants:"a port number, 0 to 65535"`
	// URL is where users reach the console, with a path where it is behind a prefix. Default
	// http://127.0.0.1:<port>.
	URL string `env:"CONSOLE_URL"`
	// Prices are what renders cost.
	Prices receipts.Prices
	// Webhooks say how they are delivered, Alerts what people are told of.
	Webhooks webhooks.Settings
	Alerts   alerts.Settings

	// Rate is how many requests a second each token may send, twice as many for a moment. 0: any
	// number.
	Rate int `env:"CONSOLE_RATE" envDefault:"50" min:"0" max:"100000"`
	// TrustedProxies are those whose X-Forwarded-For is believed.
	TrustedProxies string `env:"CONSOLE_TRUSTED_PROXIES" wants:"a list of IP addresses and CIDR prefixes, divided by commas"`
	// StoreURL is S3_ENDPOINT as users reach it: it is in the signed URLs that they get. Default
	// S3_ENDPOINT.
	StoreURL string `env:"CONSOLE_S3_ENDPOINT"`

	// WebListener is what the API and the dashboard are served on, instead of WebPort.
	WebListener net.Listener `env:"-"`

	// policy and keeper are what Webhooks say, and proxies what TrustedProxies says.
	policy  egress.Policy
	keeper  *webhooks.Keeper
	proxies proxies
}

// LoadConfig reads and checks the settings. Its error names every one that is missing or wrong.
func LoadConfig(environ map[string]string) (Config, error) {
	var cfg Config
	var problems service.Problems
	store.CheckSupabase(environ, problems.AddMissing)
	problems.Load(&cfg, environ)
	cfg.Store.Check(problems.Add)
	cfg.DatabaseURL = postgres.WithPassword(cfg.DatabaseURL, cfg.DatabasePassword)
	if _, err := postgres.Config(cfg.DatabaseURL, ""); err != nil {
		problems.Wrong("DATABASE_URL")
	}
	if cfg.URL != "" && !isBase(cfg.URL) {
		problems.Add("CONSOLE_URL", "an http or https URL without a query, such as https://video.example.com/console")
	}
	if cfg.StoreURL != "" && !isBase(cfg.StoreURL) {
		problems.Add("CONSOLE_S3_ENDPOINT", "an http or https URL without a query, such as https://files.example.com")
	}
	var err error
	if cfg.proxies, err = readProxies(cfg.TrustedProxies); err != nil {
		problems.Wrong("CONSOLE_TRUSTED_PROXIES")
	}
	cfg.checkTelling(&problems)
	cfg.URL = strings.TrimRight(cfg.URL, "/")
	return cfg, problems.Err()
}

// base is where users reach a console that listens on address.
func (c *Config) base(address net.Addr) (*url.URL, error) {
	text := c.URL
	if text == "" {
		text = "http://127.0.0.1"
		if _, port, err := net.SplitHostPort(address.String()); err == nil {
			text += ":" + port
		}
	}
	base, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("CONSOLE_URL: %w", err)
	}
	return base, nil
}

func isBase(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.RawQuery == "" && u.Fragment == "" && u.User == nil
}
