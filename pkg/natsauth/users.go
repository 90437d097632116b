package natsauth

import (
	"slices"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// Names of users.
const (
	Ingest     = "ingest"
	Recorder   = "recorder"
	Transcoder = "transcoder"
	Uploader   = "uploader"
	// Console is the console: it sees which workers are there, hears when a render has changed, and
	// has pictures that it asks recorders for. All else it has from Postgres.
	Console = "console"
	// Observer is a person with the nats command line, and loom: it sees which workers are there,
	// what happens and what is queued, and changes nothing.
	Observer = "observer"
)

// User is who connects, and what they may do.
type User struct {
	Name string
	// Imports are what the user's account has from the main account. A user with imports has an
	// account of its own; a user without is in the main account.
	Imports []Import
	// Found are subjects on which the main account asks the user's.
	Found []string
	// Publish and Subscribe are all subjects that the user may use, less those of Unseen.
	Publish, Subscribe []string
	// Unseen are subjects that Subscribe covers and the user does not receive.
	Unseen []string
	// Answers lets the user answer requests that it receives, once each.
	Answers bool
}

// Import is a subject of the main account that another account may use.
type Import struct {
	Subject string
	// Stream: messages come from the main account. Otherwise requests go there.
	Stream bool
	// Many: a request has several answers.
	Many bool
}

// Users returns the users of an installation.
func Users() []User {
	return []User{
		ingest(),
		recorder(),
		worker(Transcoder, queue{msg.StreamTranscode, msg.ConsumerTranscode}),
		worker(Uploader, queue{msg.StreamUpload, msg.ConsumerUpload}),
		console(),
		observer(),
	}
}

// ingest makes the streams and their consumers, publishes tasks, answers workers, and reads
// results.
func ingest() User {
	u := User{
		Name:      Ingest,
		Publish:   []string{"task.>", "event.>", msg.AllCancels, answers, "$JS.API.INFO"},
		Subscribe: []string{inbox(Ingest), msg.AllGrants, msg.AllHeartbeats},
	}
	for _, stream := range msg.Streams(1) {
		u.Publish = append(u.Publish,
			"$JS.API.STREAM.*."+stream.Name, "$JS.API.STREAM.MSG.*."+stream.Name,
			"$JS.API.DIRECT.GET."+stream.Name, "$JS.API.DIRECT.GET."+stream.Name+".>",
			"$JS.API.CONSUMER.*."+stream.Name, "$JS.API.CONSUMER.*."+stream.Name+".>")
	}
	next, ack := pulls(msg.StreamResults, msg.ConsumerConduct)
	u.Publish = append(u.Publish, next, ack)
	return u
}

// recorder records the scenes of renders and opens the pages of preflights. It sends pictures of
// its scenes when it is asked for some.
func recorder() User {
	u := worker(Recorder, queue{msg.StreamRecord, msg.ConsumerRecord}, queue{msg.StreamPreflight, msg.ConsumerPreflight})
	u.Imports = append(u.Imports, Import{Subject: msg.AllWatches, Stream: true}, Import{Subject: msg.AllPictures})
	u.Subscribe = append(u.Subscribe, msg.AllWatches)
	u.Publish = append(u.Publish, msg.AllPictures)
	return u
}

// queue is a stream of tasks and the consumer that a worker reads it by.
type queue struct{ stream, consumer string }

// worker works on the tasks of its streams, in an account of its own.
func worker(name string, queues ...queue) User {
	u := User{Name: name, Answers: true, Subscribe: []string{inbox(name), msg.AllCancels}}
	u.Imports = []Import{
		{Subject: msg.AllCancels, Stream: true},
		// Without it, the server would answer here for JetStream too: that this account has none.
		{Subject: "$JS.API.INFO"},
	}
	u.Found = slices.Clone(discovery)
	for _, q := range queues {
		next, ack := pulls(q.stream, q.consumer)
		asks := []string{"$JS.API.CONSUMER.INFO." + q.stream + "." + q.consumer, ack}
		for _, kind := range msg.AllKinds() {
			if kind.Stream() == q.stream {
				asks = append(asks, "grant."+string(kind)+".>", "heartbeat."+string(kind)+".>", "result."+string(kind)+".>")
			}
		}
		u.Publish = append(u.Publish, slices.Concat(asks, []string{next})...)
		u.Imports = append(u.Imports, Import{Subject: next, Many: true})
		for _, subject := range asks {
			u.Imports = append(u.Imports, Import{Subject: subject})
		}
		for _, verb := range discovery {
			u.Found = append(u.Found, verb+"."+q.consumer, verb+"."+q.consumer+".*")
		}
	}
	u.Subscribe = append(u.Subscribe, u.Found...)
	return u
}

// console sees who is there, and asks recorders for pictures.
func console() User {
	u := User{Name: Console, Publish: []string{msg.AllWatches}, Subscribe: []string{inbox(Console), "event.>", msg.AllPictures}}
	for _, verb := range discovery {
		u.Publish = append(u.Publish, verb, verb+".>")
	}
	return u
}

func observer() User {
	u := User{
		Name: Observer,
		Publish: []string{
			"$JS.API.INFO", "$JS.API.STREAM.NAMES", "$JS.API.STREAM.LIST", "$JS.API.STREAM.INFO.*", "$JS.API.STREAM.MSG.GET.*",
			"$JS.API.DIRECT.GET.>", "$JS.API.CONSUMER.NAMES.*", "$JS.API.CONSUMER.LIST.*", "$JS.API.CONSUMER.INFO.>",
		},
		// The nats command line makes up its inbox.
		Subscribe: []string{"_INBOX.>", "event.>"},
	}
	for _, name := range []string{Ingest, Recorder, Transcoder, Uploader, Console} {
		u.Unseen = append(u.Unseen, inbox(name))
	}
	for _, verb := range discovery {
		u.Publish = append(u.Publish, verb, verb+".>")
	}
	return u
}

// discovery are the subjects on which `nats micro` asks who is there.
var discovery = []string{"$SRV.PING", "$SRV.INFO", "$SRV.STATS"}

func inbox(name string) string { return "_INBOX." + name + ".>" }

// answers are where ingest answers workers: what the server calls the reply subject of a request
// from another account.
const answers = "_R_.>"

// pulls are the subjects for reading a stream by its consumer.
func pulls(stream, consumer string) (next, ack string) {
	at := stream + "." + consumer
	return "$JS.API.CONSUMER.MSG.NEXT." + at, "$JS.ACK." + at + ".>"
}

// Names returns the names of all users.
func Names() []string {
	var names []string
	for _, u := range Users() {
		names = append(names, u.Name)
	}
	return names
}
