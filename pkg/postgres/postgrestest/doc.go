// Package postgrestest gives tests real databases, on a private PostgreSQL server started from the
// machine's own binaries.
//
//	var migrated = postgrestest.NewTemplate(func(ctx context.Context, conn *pgx.Conn) error {
//		_, err := migrations.Apply(ctx, conn)
//		return err
//	})
//
//	func TestClaim(t *testing.T) {
//		url := migrated.Database(t) // fresh, and dropped at the end of t
//
// One server serves a test process: the first test that asks starts it, and it ends, and its data
// with it, when the process does, however that ends. Its data lies in memory where there is enough
// of it. Where there is no PostgreSQL the test fails and says what to install.
package postgrestest
