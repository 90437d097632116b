package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/loom-lite/loom-lite/cmd/loom/local"
	"github.com/loom-lite/loom-lite/migrations"
	"github.com/loom-lite/loom-lite/pkg/postgres"
	"github.com/loom-lite/loom-lite/pkg/service"
	"github.com/loom-lite/loom-lite/pkg/store"
	"github.com/loom-lite/loom-lite/services/uploader"
)

// database looks at the database of DATABASE_URL or, without one, at what a private Postgres needs.
func database(ctx context.Context, environ map[string]string, dir string) []Finding {
	const what = "Postgres"
	url := environ["DATABASE_URL"]
	if url == "" {
		found, err := local.CheckPostgres(ctx, dir)
		if err != nil {
			return []Finding{missing(what, err, "install PostgreSQL (Debian, Ubuntu: apt-get install postgresql; "+
				"macOS: brew install postgresql), or set DATABASE_URL")}
		}
		return []Finding{ok(what, "%s, run by loom up (DATABASE_URL is not set)", found)}
	}
	cfg, err := postgres.Config(url, "loom-doctor")
	if err != nil {
		return []Finding{missing(what, err, "correct DATABASE_URL")}
	}
	conn, err := pgx.ConnectConfig(ctx, cfg.ConnConfig)
	if err != nil {
		return []Finding{missing(what, err, "check DATABASE_URL, and that the server is up and reachable from here")}
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	findings := []Finding{ok(what, "version %s at %s", conn.PgConn().ParameterStatus("server_version"), cfg.ConnConfig.Host)}
	sessions, err := postgres.SessionMode(ctx, url, cfg.ConnConfig)
	if err != nil {
		return append(findings, missing("Postgres pooler", err, "make sure that the database accepts two connections at once"))
	}
	if !sessions {
		findings = append(findings, Finding{What: "Postgres pooler", Verdict: Warning,
			Found: "transaction mode: new jobs are found by polling only",
			Mend:  "use the direct connection or the session pooler (port 5432)"})
	}
	return append(findings, schema(ctx, conn)...)
}

// schema says whether the app's tables are what they must be, the role may do what it has to, and
// the migrations are applied as this build has them.
func schema(ctx context.Context, conn *pgx.Conn) (findings []Finding) {
	const what = "Migrations"
	of, err := migrations.ServicesOf(ctx, conn)
	if err != nil {
		return append(findings, missing("Database", err, "allow the role of DATABASE_URL to read the catalogs"))
	}
	if len(of) == 0 {
		findings = consoles(ctx, conn)
	}
	for _, look := range []func(context.Context, migrations.DB) ([]migrations.Problem, error){
		func(ctx context.Context, db migrations.DB) ([]migrations.Problem, error) {
			return migrations.Rights(ctx, db, of...)
		},
		migrations.Fit, migrations.Ambiguous,
	} {
		problems, err := look(ctx, conn)
		if err != nil {
			return append(findings, missing("Database", err, "allow the role of DATABASE_URL to read the catalogs"))
		}
		for _, p := range problems {
			findings = append(findings, missing("Database", errors.New(p.What+" "+p.Found), p.Mend))
		}
	}
	if outdated := new(migrations.OutdatedError); errors.As(migrations.Check(ctx, conn, of...), &outdated) {
		return append(findings, missing(what, errors.New(outdated.Found), outdated.Mend))
	}
	pending, err := migrations.Pending(ctx, conn)
	if err == nil && len(pending) > 0 {
		return append(findings, missing(what, fmt.Errorf("not applied: %s", strings.Join(pending, ", ")), "run loom migrate"))
	}
	version, versionErr := migrations.SchemaVersion(ctx, conn)
	switch err := errors.Join(err, versionErr); {
	case err != nil && len(findings) > 0:
		return findings // which say why
	case err != nil:
		return append(findings, missing(what, err, "run loom migrate with a role that may create tables and functions"))
	case version > migrations.Version:
		return append(findings, ok(what, "schema version %d, of a newer release (this one has %d)", version, migrations.Version))
	}
	groups, err := migrations.Groups(ctx, conn)
	if err != nil {
		return append(findings, missing("Database", err, "allow the role of DATABASE_URL to read the catalogs"))
	}
	for _, p := range groups {
		findings = append(findings, Finding{What: "Groups of rights", Verdict: Warning, Found: p.What + " " + p.Found, Mend: p.Mend})
	}
	return append(findings, ok(what, "schema version %d", version))
}

// consoles says what a role that is in no group lacks for the console. Another role may run that.
func consoles(ctx context.Context, conn *pgx.Conn) []Finding {
	problems, err := migrations.Rights(ctx, conn, migrations.Console)
	if err != nil || len(problems) == 0 {
		return nil // the other rights, which are looked at next, say why
	}
	first := problems[0].What + " " + problems[0].Found
	if more := len(problems) - 1; more > 0 {
		first += fmt.Sprintf(", and %d more", more)
	}
	return []Finding{{What: "Console's rights", Verdict: Warning, Found: first,
		Mend: "if the console runs as this role: " + problems[0].Mend}}
}

// broker looks at the NATS of NATS_URL. The embedded one needs nothing.
func broker(ctx context.Context, environ map[string]string) Finding {
	const what = "NATS"
	url := environ["NATS_URL"]
	if url == "" {
		return ok(what, "embedded in loom up (NATS_URL is not set)")
	}
	options, err := service.NATSOptions(environ)
	if err != nil {
		return missing(what, err, "correct the file that the variable names; loom nats-config writes those of NATS_NKEY")
	}
	nc, err := nats.Connect(url, append(options, nats.Name("loom-doctor"), nats.Timeout(5*time.Second))...)
	if err != nil {
		return missing(what, err, "check NATS_URL, and that the server is up and reachable from here")
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err == nil {
		named := service.Refusals(nc)
		_, err = js.AccountInfo(ctx)
		err = named(err)
	}
	if err != nil {
		return missing(what, fmt.Errorf("no JetStream: %w", err), "start nats-server with --jetstream, and enable it for the account")
	}
	return ok(what, "version %s with JetStream", nc.ConnectedServerVersion())
}

// objects looks at the store of S3_ENDPOINT. The embedded one needs nothing.
func objects(ctx context.Context, environ map[string]string) []Finding {
	const what = "S3"
	endpoint := environ["S3_ENDPOINT"]
	if endpoint == "" {
		return []Finding{ok(what, "embedded in loom up (S3_ENDPOINT is not set)")}
	}
	cfg := uploader.Config{
		Store: store.Config{
			Endpoint: endpoint, Region: environ["S3_REGION"], Checksums: environ["S3_CHECKSUMS"],
			AccessKeyID: environ["S3_ACCESS_KEY_ID"], SecretAccessKey: environ["S3_SECRET_ACCESS_KEY"],
		},
		PublicURLs: environ["PUBLIC_URLS"], SupabaseURL: environ["SUPABASE_URL"], PublicURLBase: environ["PUBLIC_URL_BASE"],
		WorkBucket: "loom-work", VideoBucket: "videos", ThumbnailBucket: "thumbnails",
	}
	cfg.Settle()
	client, err := store.New(cfg.Store)
	if err != nil {
		return []Finding{missing(what, err, "set S3_ENDPOINT, S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY")}
	}
	defer client.Close()
	var findings []Finding
	for _, b := range []struct {
		variable, contentType string
		name                  *string
	}{
		{"STORAGE_BUCKET_VIDEOS", "video/mp4", &cfg.VideoBucket}, {"STORAGE_BUCKET_THUMBNAILS", "image/jpeg", &cfg.ThumbnailBucket},
		{"STORAGE_BUCKET_WORK", "video/mp4", &cfg.WorkBucket},
	} {
		if environ[b.variable] != "" {
			*b.name = environ[b.variable]
		}
		findings = append(findings, bucket(ctx, client, *b.name, b.variable, b.contentType))
	}
	if AnyMissing(findings) {
		return findings
	}
	return append(findings, reading(ctx, client, cfg)...)
}

// reading reports who may read the buckets, as far as can be tested from here.
func reading(ctx context.Context, client *store.Client, cfg uploader.Config) (findings []Finding) {
	const what = "S3 buckets' readers"
	wrong, err := uploader.CheckAccess(ctx, client, cfg)
	for _, w := range wrong {
		findings = append(findings, missing("S3 bucket "+w.Bucket, errors.New(w.Wrong), w.Mend+" ("+w.Variable+")"))
	}
	switch {
	case err != nil:
		findings = append(findings, Finding{What: what, Verdict: Warning, Found: "not found out: " + err.Error(),
			Mend: "make sure that finished files can be read at the URLs in renders, and that nobody can read the work bucket"})
	case len(wrong) == 0:
		findings = append(findings, ok(what, "finished files can be read by whoever has their URLs, work objects by nobody"))
	}
	return findings
}

// bucket makes sure that objects can be written to a bucket and read back, through signed URLs as
// workers do.
func bucket(ctx context.Context, client *store.Client, name, variable, contentType string) Finding {
	what := "S3 bucket " + name
	err := client.Ping(ctx, name)
	switch {
	case errors.Is(err, store.ErrNoBucket):
		return missing(what, err, "create the bucket, or name another with "+variable)
	case errors.Is(err, store.ErrNotS3):
		return missing(what, store.ErrNotS3, "correct S3_ENDPOINT")
	case errors.Is(err, store.ErrDenied):
		return missing(what, err, "check S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY and S3_REGION")
	case err != nil:
		return missing(what, err, "check S3_ENDPOINT, and that the store is up and reachable from here")
	}
	const key = "loom-doctor/probe"
	if err := roundTrip(ctx, client, name, key, contentType); err != nil {
		return missing(what, err, "allow the access key to write, read and delete objects; S3_REGION must be the bucket's")
	}
	return ok(what, "objects can be written, read and deleted")
}

func roundTrip(ctx context.Context, client *store.Client, bucket, key, contentType string) (err error) {
	defer func() { err = errors.Join(err, client.Delete(context.WithoutCancel(ctx), bucket, key)) }()
	put, err := client.PresignPut(ctx, bucket, key, contentType, time.Minute)
	if err != nil {
		return err
	}
	get, err := client.PresignGet(ctx, bucket, key, time.Minute)
	if err != nil {
		return err
	}
	if err := exchange(ctx, http.MethodPut, string(put), contentType); err != nil {
		return fmt.Errorf("write an object through a signed URL: %w", err)
	}
	if err := exchange(ctx, http.MethodGet, string(get), ""); err != nil {
		return fmt.Errorf("read an object through a signed URL: %w", err)
	}
	return nil
}

// exchange makes a request to a signed URL, which its error does not hold.
func exchange(ctx context.Context, method, url, contentType string) error {
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(""))
	if err != nil {
		return errors.New("the signed URL is not valid")
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return errors.Unwrap(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the store answered %s", response.Status)
	}
	return nil
}
