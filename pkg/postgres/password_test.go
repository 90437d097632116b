package postgres_test

import (
	"testing"

	"github.com/loom-lite/loom-lite/pkg/postgres"
)

func TestAPasswordMayHaveAnyCharacters(t *testing.T) {
	const password = `p@ss/w:ord#1?&='" \%41`
	for _, url := range []string{
		"postgres://loom@db:5433/app?sslmode=disable", "postgres://loom:other@db:5433/app", "host=db port=5433 user=loom dbname=app",
	} {
		cfg, err := postgres.Config(postgres.WithPassword(url, password), "test")
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		c := cfg.ConnConfig
		if c.Password != password || c.User != "loom" || c.Host != "db" || c.Port != 5433 || c.Database != "app" {
			t.Errorf("%s: %q %q %q %d %q", url, c.Password, c.User, c.Host, c.Port, c.Database)
		}
	}
	if got := postgres.WithPassword("postgres://u:p@h/d", ""); got != "postgres://u:p@h/d" {
		t.Error(got)
	}
}
