package fault

// Step is a moment between two steps of a service's work. Its name says what has just happened.
type Step string

// Steps of ingest.
const (
	// StreamMade: a stream exists, others and its consumer may not.
	StreamMade Step = "stream made"
	// JobClaimed: a job is claimed, in a transaction that is open.
	JobClaimed Step = "job claimed"
	// PlanWritten: the plan is written too, in the same transaction.
	PlanWritten Step = "plan written"
	// PlanCommitted: the transaction is committed. Nothing is published.
	PlanCommitted Step = "plan committed"
	// TaskSent: a task's message is sent, and its stream has not confirmed it.
	TaskSent Step = "task sent"
	// GrantCommitted: a task is granted, and its worker has no answer.
	GrantCommitted Step = "grant committed"
	// GrantAnswered: the worker has been sent the grant.
	GrantAnswered Step = "grant answered"
	// HeartbeatCommitted: a lease is renewed, and its worker has no answer.
	HeartbeatCommitted Step = "heartbeat committed"
	// ResultReceived: a result is read, and nothing is done with it.
	ResultReceived Step = "result received"
	// ResultCommitted: a result is counted, and its message is not acknowledged.
	ResultCommitted Step = "result committed"
	// ResultAcknowledged: the result's message is acknowledged. Tasks that waited are not
	// published.
	ResultAcknowledged Step = "result acknowledged"
	// EndPublished: watchers and workers have been told of a render's end.
	EndPublished Step = "end published"
	// ObjectsSwept: objects of a render that has ended are deleted, and no row says so.
	ObjectsSwept Step = "objects swept"
)

// Steps of every worker.
const (
	// MessagePulled: a worker has a message, and has not requested the task.
	MessagePulled Step = "message pulled"
	// TaskGranted: a worker has a grant, and has not begun.
	TaskGranted Step = "task granted"
	// InputFetched: an input is on the worker's disk.
	InputFetched Step = "input fetched"
	// OutputStored: an output is in the store, and nobody knows.
	OutputStored Step = "output stored"
	// WorkDone: the handler has returned, and nothing is reported.
	WorkDone Step = "work done"
	// ResultPublished: the stream has confirmed the result. The task's message is not acknowledged.
	ResultPublished Step = "result published"
	// MessageAcknowledged: the task's message is acknowledged.
	MessageAcknowledged Step = "message acknowledged"
)

// Steps of the uploader alone.
const (
	// CopiesRecorded: it is written down what will be copied.
	CopiesRecorded Step = "copies recorded"
	// FileCopied: one of the finished files is in its bucket.
	FileCopied Step = "file copied"
	// RenderClosed: the render is done in Postgres, and no result is published.
	RenderClosed Step = "render closed"
)

// Steps of the console's API, in a request that has an idempotency key.
const (
	// RequestDone: what was asked for is done, and the answer is not kept.
	RequestDone Step = "request done"
	// AnswerKept: the answer is kept, and not sent.
	AnswerKept Step = "answer kept"
)

// Steps of the console, in an action on many renders.
const (
	// BulkCreated: an action and the renders that it is about are written, and nobody carries it
	// out.
	BulkCreated Step = "bulk created"
	// BulkChanged: one of the renders is changed, in a transaction that is open.
	BulkChanged Step = "bulk changed"
	// BulkCommitted: the transaction is committed.
	BulkCommitted Step = "bulk committed"
)

// Steps of the console, which delivers webhooks.
const (
	// DeliveriesMade: events have deliveries, and none is leased.
	DeliveriesMade Step = "deliveries made"
	// DeliveryLeased: deliveries are leased, and their requests may have been sent.
	DeliveryLeased Step = "delivery leased"
	// DeliverySent: a receiver has answered, and nothing says so.
	DeliverySent Step = "delivery sent"
	// DeliveryNoted: what a receiver answered is noted.
	DeliveryNoted Step = "delivery noted"
)

// Steps returns those that a service goes through: ingest, recorder, transcoder, uploader or
// console.
func Steps(service string) []Step {
	switch service {
	case "ingest":
		return []Step{
			StreamMade, JobClaimed, PlanWritten, PlanCommitted, TaskSent, GrantCommitted, GrantAnswered, HeartbeatCommitted,
			ResultReceived, ResultCommitted, ResultAcknowledged, EndPublished, ObjectsSwept,
		}
	case "recorder":
		return []Step{MessagePulled, TaskGranted, OutputStored, WorkDone, ResultPublished, MessageAcknowledged}
	case "transcoder":
		return []Step{MessagePulled, TaskGranted, InputFetched, OutputStored, WorkDone, ResultPublished, MessageAcknowledged}
	case "uploader":
		return []Step{
			MessagePulled, TaskGranted, CopiesRecorded, FileCopied, RenderClosed, WorkDone, ResultPublished, MessageAcknowledged,
		}
	case "console":
		return []Step{
			RequestDone, AnswerKept, BulkCreated, BulkChanged, BulkCommitted,
			DeliveriesMade, DeliveryLeased, DeliverySent, DeliveryNoted,
		}
	}
	return nil
}
