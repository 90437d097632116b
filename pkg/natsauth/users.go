package natsauth

import "github.com/loom-lite/loom-lite/pkg/msg"

// Names of users.
const (
	Ingest     = "ingest"
	Recorder   = "recorder"
	Transcoder = "transcoder"
	Uploader   = "uploader"
	// Observer is a person with the nats command line, and loom: it sees which workers are there,
	// what happens and what is queued, and changes nothing.
	Observer = "observer"
)

// User is who connects, and what they may do.
type User struct {
	Name string
	// Publish and Subscribe are all subjects that the user may use, less those of Unseen.
	Publish, Subscribe []string
	// Unseen are subjects that Subscribe covers and the user does not receive.
	Unseen []string
	// Answers lets the user answer requests that it receives, once each.
	Answers bool
}

// Users returns the users of an installation.
func Users() []User {
	return []User{
		ingest(),
		worker(Recorder, msg.StreamRecord, msg.ConsumerRecord),
		worker(Transcoder, msg.StreamTranscode, msg.ConsumerTranscode),
		worker(Uploader, msg.StreamUpload, msg.ConsumerUpload),
		observer(),
	}
}

// ingest makes the streams and their consumers, publishes tasks, answers workers, and reads
// results.
func ingest() User {
	u := User{
		Name:      Ingest,
		Publish:   []string{"task.>", "event.>", "ctl.cancel.*", "_INBOX.>", "$JS.API.INFO"},
		Subscribe: []string{inbox(Ingest), msg.AllGrants, msg.AllHeartbeats},
	}
	for _, stream := range msg.Streams(1) {
		u.Publish = append(u.Publish,
			"$JS.API.STREAM.*."+stream.Name, "$JS.API.STREAM.MSG.*."+stream.Name,
			"$JS.API.DIRECT.GET."+stream.Name, "$JS.API.DIRECT.GET."+stream.Name+".>",
			"$JS.API.CONSUMER.*."+stream.Name, "$JS.API.CONSUMER.*."+stream.Name+".>")
	}
	u.Publish = append(u.Publish, pulls(msg.StreamResults, msg.ConsumerConduct)...)
	return u
}

// worker works on the tasks of one stream.
func worker(name, stream, consumer string) User {
	u := User{Name: name, Answers: true, Subscribe: []string{inbox(name), msg.AllCancels}}
	for _, kind := range msg.Kinds {
		if kind.Stream() == stream {
			u.Publish = append(u.Publish, "grant."+string(kind)+".>", "heartbeat."+string(kind)+".>", "result."+string(kind)+".>")
		}
	}
	u.Publish = append(u.Publish, "$JS.API.CONSUMER.INFO."+stream+"."+consumer)
	u.Publish = append(u.Publish, pulls(stream, consumer)...)
	for _, verb := range discovery {
		u.Subscribe = append(u.Subscribe, verb, verb+"."+consumer, verb+"."+consumer+".*")
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
	for _, name := range []string{Ingest, Recorder, Transcoder, Uploader} {
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

// pulls are the subjects for reading a stream by its consumer.
func pulls(stream, consumer string) []string {
	at := stream + "." + consumer
	return []string{"$JS.API.CONSUMER.MSG.NEXT." + at, "$JS.ACK." + at + ".>"}
}

// Names returns the names of all users.
func Names() []string {
	var names []string
	for _, u := range Users() {
		names = append(names, u.Name)
	}
	return names
}
