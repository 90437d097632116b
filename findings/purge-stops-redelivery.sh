#!/usr/bin/env bash
# A purge by subject, of one message that is in flight, can end the redelivery of another that was
# delivered earlier.
#
# nats-server, a work-queue stream and one pull consumer: messages 1, 2 and 3 are in flight. The
# subject of 2 is purged, and 3 is acknowledged. 1 is still in the stream, and unacknowledged. But
# its ack wait passes and it is not redelivered. A nak does not redeliver it either. When 2 is
# deleted by its sequence instead, 1 is redelivered, which the last case shows.
#
# Exits 0 while this is so, 1 when it has changed.
set -euo pipefail
server=v2.15.2 client=v1.55.0
dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
cat > main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const ackWait = time.Second

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: os.Args[1], NoSigs: true, NoLog: true})
	must(err)
	s.Start()
	defer s.Shutdown()
	if !s.ReadyForConnections(10 * time.Second) {
		panic("the server did not start")
	}
	fmt.Println("nats-server", server.VERSION, "nats.go", nats.Version)
	nc, err := nats.Connect(s.ClientURL())
	must(err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	must(err)
	purge := func(ctx context.Context, s jetstream.Stream, subject string) error {
		return s.Purge(ctx, jetstream.WithPurgeSubject(subject))
	}
	bySequence := func(ctx context.Context, s jetstream.Stream, _ string) error { return s.DeleteMsg(ctx, 2) }
	purged, nacked, deleted := try(js, "PURGE", purge, false), try(js, "PURGE_THEN_NAK", purge, true), try(js, "DELETE", bySequence, false)
	if purged || nacked || !deleted {
		fmt.Println("CHANGED: want no redelivery after a purge by subject, and one after a delete by sequence")
		os.Exit(1)
	}
}

// try reports whether message 1 is redelivered.
func try(js jetstream.JetStream, name string, remove func(context.Context, jetstream.Stream, string) error, nak bool) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	stream, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: name, Subjects: []string{name + ".*"}, Retention: jetstream.WorkQueuePolicy})
	must(err)
	consumer, err := stream.CreateConsumer(ctx, jetstream.ConsumerConfig{Durable: "c", AckPolicy: jetstream.AckExplicitPolicy, AckWait: ackWait})
	must(err)
	var in []jetstream.Msg
	for i := 1; i <= 3; i++ {
		_, err := js.Publish(ctx, fmt.Sprintf("%s.%d", name, i), nil)
		must(err)
		m, err := consumer.Next()
		must(err)
		in = append(in, m)
	}
	must(remove(ctx, stream, name+".2"))
	if nak {
		must(in[0].Nak())
	}
	must(in[2].DoubleAck(ctx))
	m, err := consumer.Next(jetstream.FetchMaxWait(4 * ackWait))
	info, infoErr := stream.Info(ctx)
	must(infoErr)
	state, infoErr := consumer.Info(ctx)
	must(infoErr)
	fmt.Printf("%s: in the stream %d, waiting %d, to be acknowledged %d;", name, info.State.Msgs, state.NumPending, state.NumAckPending)
	if err != nil {
		fmt.Printf(" not redelivered within %s: %v\n", 4*ackWait, err)
		return false
	}
	fmt.Printf(" redelivered %s\n", m.Subject())
	return true
}
GO
export GOWORK=off GOFLAGS=-mod=mod
go mod init example.com/finding 2>/dev/null
go get "github.com/nats-io/nats-server/v2@$server" "github.com/nats-io/nats.go@$client" 2>/dev/null
go run . "$dir/store"
