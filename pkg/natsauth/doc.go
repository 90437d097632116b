// Package natsauth says which NATS subjects each service may use, and writes that as nats-server's
// configuration.
//
// Each service has a user of its own, known by its nkey: the configuration holds public keys only,
// and no secret crosses the network. A service may do what its work needs and nothing else. A
// recorder, whose Chrome runs strangers' pages, can pull tasks of its own stream, ask ingest for
// those of its own kind, and report on them.
//
//	LOOM              ingest, console, observer; JetStream, with all streams
//	LOOM_RECORDER  ┐
//	LOOM_TRANSCODER├  one worker each; no JetStream: it imports what it needs from LOOM
//	LOOM_UPLOADER  ┘
//
// The reply subject of a request is the sender's choice, and NATS checks no permission for it.
// JetStream and ingest answer there with rights of their own: in one account, a worker could let
// them delete a stream by naming that request as its reply subject. So each worker has an account
// of its own. The server replaces the reply subject of what crosses over, and the answer comes out
// in the worker's account, where such a subject means nothing. It refuses $JS.ACK as a reply
// subject of anybody.
//
// Answers come to inboxes below _INBOX.<service>, so no service reads another's grants, which hold
// signed URLs. Two things the receivers check, for servers with one account: ingest answers
// requests from other accounts and into inboxes only, and a worker obeys no cancel that JetStream
// delivers. The latter also keeps a recorder from ending the tasks of others.
package natsauth
