// Package natsd runs private NATS servers with JetStream in this process, for the command line and
// for tests. They listen on 127.0.0.1 only, and ask for no password unless they are configured to,
// as nats-server does.
package natsd
