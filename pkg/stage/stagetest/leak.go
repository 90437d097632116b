package stagetest

import "go.uber.org/goleak"

// Ours are goleak's options for tests that stop NATS servers in their process: a server that is
// stopped while it makes a stream leaves that stream's store running, which is no leak of ours.
func Ours() []goleak.Option {
	return []goleak.Option{
		goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server.(*fileStore).flushStreamStateLoop"),
		goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server/ats.Register.func1"),
	}
}
