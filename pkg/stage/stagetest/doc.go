// Package stagetest gives tests of workers a real NATS server, and an ingest whose answers the test
// decides.
//
//	server := stagetest.StartNATS(t)
//	ingest := stagetest.NewIngest(t, server)
//	ingest.MakeStreams()
//	ref := ingest.Publish(msg.Record)
//	… run a worker on server.Connect(t) …
//	result := ingest.Result()
package stagetest
