// Package postgresd runs private Postgres servers from the machine's own binaries, for the command
// line and for tests. The servers listen on 127.0.0.1 only.
//
//	installation, err := postgresd.Find(ctx, 0)
//	account, err := postgresd.ServerAccount()
//	c := postgresd.Cluster{
//		Installation: installation, Account: account, Data: dir + "/data", User: "postgres",
//	}
//	err = c.Init(ctx)
//	options := postgresd.Options{Log: dir + "/postgres.log", Within: time.Minute}
//	server, err := c.Start(ctx, options)
//	… server.URL("postgres") …
//	err = server.Stop()
//
// As root, everything runs as the user postgres, because Postgres refuses to run as root. That user
// must be able to enter the folder that holds the data: see Folder.
package postgresd
