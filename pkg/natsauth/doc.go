// Package natsauth says which NATS subjects each service may use, and writes that as nats-server's
// configuration.
//
// Each service has a user of its own in one account, known by its nkey: the configuration holds
// public keys only, and no secret crosses the network. A service may do what its work needs and
// nothing else. A recorder, whose Chrome runs strangers' pages, can pull tasks of its own stream,
// ask ingest for those of its own kind, and report on them.
//
// Answers come to inboxes below _INBOX.<service>, so no service reads another's grants, which hold
// signed URLs. Two things permissions cannot say, and the receivers check: ingest answers into
// inboxes only (a request's reply subject is the sender's choice, and ingest may publish more than
// the sender), and a worker obeys no cancel that JetStream delivers.
package natsauth
