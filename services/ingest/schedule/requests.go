package schedule

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/fault"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/ingest/plan"
)

const (
	// queueGroup makes one replica of ingest answer each request.
	queueGroup = "ingest"
	// inboxes and accounts are where answers go, and nowhere else. The sender chooses the reply
	// subject, and ingest may publish more than a sender: to the API of JetStream, for instance,
	// which deletes messages. The reply subject of a request from another account is the server's:
	// it stands for the sender's, in the sender's account.
	inboxes, accounts = "_INBOX.", "_R_."
	// answerWithin bounds the work on a request. Workers wait a little longer before they repeat
	// it.
	answerWithin = 2500 * time.Millisecond
	// signedBeyond is how much longer than the attempt the URLs of its grant last. Clocks differ,
	// and a worker counts the last minute as over. Nobody can use them for longer, whoever reads a
	// grant.
	signedBeyond = 5 * time.Minute
	// concurrent is how many grant requests are answered at once, and how many heartbeats. Each has
	// a bound of its own, so that slow grants do not delay heartbeats.
	concurrent = 4 * gatherMost
	// grantWithin bounds a batch of grants. There is time left to grant one by one.
	grantWithin = time.Second
)

// Store signs URLs and deletes objects. A *store.Client is one.
type Store interface {
	PresignGet(ctx context.Context, bucket, key string, ttl time.Duration) (msg.SignedURL, error)
	PresignPut(ctx context.Context, bucket, key, contentType string, ttl time.Duration) (msg.SignedURL, error)
	Delete(ctx context.Context, bucket, key string) error
}

// requests answers the grant requests and heartbeats of workers.
type requests struct {
	*Scheduler
	running sync.WaitGroup
	grants  *gatherer[msg.GrantRequest, granted]
	// heartbeats has a short bound: alone there is time left for each.
	heartbeats *gatherer[msg.Heartbeat, *bool]
}

func newRequests(s *Scheduler) *requests {
	r := &requests{Scheduler: s}
	r.grants = &gatherer[msg.GrantRequest, granted]{
		within: grantWithin, gate: &s.batches, isLeftOut: func(g granted) bool { return g.verdict == "" },
		all: func(ctx context.Context, list []msg.GrantRequest) ([]granted, error) {
			return s.tasks.grantAll(ctx, list)
		},
	}
	r.heartbeats = &gatherer[msg.Heartbeat, *bool]{
		all: s.tasks.heartbeatAll, within: grantWithin, gate: &s.batches, isLeftOut: func(wanted *bool) bool { return wanted == nil },
	}
	return r
}

// serve answers requests until ctx is cancelled, and then finishes those that it has received.
// Subscriptions survive the loss of the connection.
func (r *requests) serve(ctx, work context.Context) error {
	grants, err := r.subscribe(work, msg.AllGrants, r.grant)
	if err != nil {
		return err
	}
	heartbeats, err := r.subscribe(work, msg.AllHeartbeats, r.heartbeat)
	if err != nil {
		return errors.Join(err, grants.Unsubscribe())
	}
	<-ctx.Done()
	// The only error is a closed connection, which has ended the subscriptions.
	_, _ = grants.Unsubscribe(), heartbeats.Unsubscribe()
	r.running.Wait()
	return nil
}

func (r *requests) subscribe(work context.Context, subject string, answer func(context.Context, *nats.Msg)) (*nats.Subscription, error) {
	slots := make(chan struct{}, concurrent)
	sub, err := r.NATS.QueueSubscribe(subject, queueGroup, func(m *nats.Msg) {
		if !strings.HasPrefix(m.Reply, inboxes) && !strings.HasPrefix(m.Reply, accounts) {
			r.Log.Warn().Str("subject", m.Subject).Str("reply", m.Reply).Msg("request ignored: it asks for an answer outside of inboxes")
			return
		}
		slots <- struct{}{}
		r.running.Go(func() {
			defer func() { <-slots }()
			ctx, cancel := context.WithTimeout(work, answerWithin)
			defer cancel()
			answer(ctx, m)
		})
	})
	if err != nil {
		return nil, fmt.Errorf("subscribe to %s: %w", subject, err)
	}
	return sub, nil
}

// grant answers a grant request. When the database does not answer, it sends no answer: the worker
// repeats its request, which then returns the attempt that the first one was granted, if any.
func (r *requests) grant(ctx context.Context, m *nats.Msg) {
	request, err := msg.Decode[msg.GrantRequest](m.Data)
	if err != nil {
		r.Log.Warn().Err(err).Str("subject", m.Subject).Msg("unreadable grant request")
		r.Metrics.grants.WithLabelValues("unreadable").Inc()
		respond(r.Log, m, msg.GrantReply{Version: msg.Version, Verdict: msg.Later,
			Reason: "the request cannot be read by this release", RetryAfter: msg.Duration(10 * time.Second)})
		return
	}
	log := r.Log.With().Stringer("render_id", request.RenderID).Stringer("task_id", request.TaskID).
		Str("kind", string(request.Kind)).Str("worker", request.Worker).Logger()
	reply, err := r.decide(ctx, log, request)
	if err != nil {
		log.Error().Err(err).Msg("grant request unanswered")
		r.noteRefusalOf(ctx, log, "grant", request.Ref, err)
		r.Metrics.grants.WithLabelValues("error").Inc()
		return
	}
	r.Metrics.grants.WithLabelValues(string(reply.Verdict)).Inc()
	if reply.Verdict == msg.Granted {
		log.Info().Int("attempt", reply.Grant.Attempt).Msg("task granted")
		fault.Here(fault.GrantCommitted)
		defer fault.Here(fault.GrantAnswered)
	} else {
		log.Debug().Str("verdict", string(reply.Verdict)).Str("reason", reply.Reason).Msg("task not granted")
	}
	respond(log, m, reply)
}

func (r *requests) decide(ctx context.Context, log zerolog.Logger, request msg.GrantRequest) (msg.GrantReply, error) {
	if request.Kind == msg.Preflight {
		return r.decidePage(ctx, log, request)
	}
	// A lease lapses one by one: see grantOrLapse.
	g, err := r.grants.do(ctx, request)
	if err != nil && ctx.Err() == nil {
		log.Warn().Err(err).Msg("tasks not granted together: each is granted alone")
	}
	if err != nil || g.verdict == "" || g.reason == unheard { // without a verdict its render is held
		err = r.locks.do(ctx, request.RenderID, func() (err error) {
			g, err = r.grantOrLapse(ctx, request)
			return err
		})
	}
	if errors.Is(err, errLocked) {
		return msg.GrantReply{Version: msg.Version, Verdict: msg.Later, Reason: errLocked.Error(), RetryAfter: msg.Duration(lockedRetry)}, nil
	}
	if err != nil {
		return msg.GrantReply{}, err
	}
	reply := msg.GrantReply{Version: msg.Version, Verdict: g.verdict, Reason: g.reason, RetryAfter: msg.Duration(g.after), Rest: msg.Duration(g.rest)}
	if g.verdict != msg.Granted {
		if g.verdict == msg.Drop {
			// The request may have failed the task, for having lost its lease too often.
			r.Changed(request.RenderID)
		}
		if g.reason == lostTooOften {
			r.Metrics.died(request.Kind, msg.CodeWorkerLost)
		}
		return reply, nil
	}
	if r.short.Load() {
		r.Wake() // its message has left the stream
	}
	grant, err := r.sign(ctx, request.Ref, g)
	if err == nil {
		reply.Grant = grant
		return reply, nil
	}
	// Nobody works on this attempt, so it must not count as a failure.
	log.Error().Err(err).Msg("URLs of a granted task could not be signed: the task goes back")
	if _, err := r.tasks.handBack(ctx, msg.Result{Ref: request.Ref, Attempt: g.attempt, Reason: "its URLs could not be signed"}); err != nil {
		return msg.GrantReply{}, err
	}
	return msg.GrantReply{Version: msg.Version, Verdict: msg.Later, Reason: "URLs could not be signed",
		RetryAfter: msg.Duration(5 * time.Second)}, nil
}

// grantOrLapse grants a task. If another attempt holds it whose lease has run out, that lapses,
// unless its result is waiting in its stream: the worker has finished, sends no more heartbeats,
// and cannot know that nobody has read its result.
func (r *requests) grantOrLapse(ctx context.Context, request msg.GrantRequest) (granted, error) {
	g, err := r.tasks.grant(ctx, request, nil)
	if err != nil || g.verdict != msg.Later || g.reason != unheard {
		return g, err
	}
	heard := r.leases.lapsed()
	if heard == nil {
		return g, nil
	}
	reported, err := r.reported(ctx, request.Ref, g.attempt)
	if err != nil || reported {
		return g, err
	}
	g, err = r.tasks.grant(ctx, request, heard)
	if err == nil && (g.verdict == msg.Granted || g.reason == lostTooOften) {
		r.Metrics.lapsed.WithLabelValues(string(request.Kind)).Inc()
	}
	return g, err
}

// reported reports whether a result of an attempt is in its stream.
func (r *requests) reported(ctx context.Context, ref msg.Ref, attempt int) (bool, error) {
	stream, err := r.js.Stream(ctx, msg.StreamResults)
	if gone(err) {
		return false, nil // it was wiped, and its messages with it
	}
	if err != nil {
		return false, fmt.Errorf("look for a result: %w", err)
	}
	m, err := stream.GetLastMsgForSubject(ctx, msg.ResultSubject(ref))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for a result: %w", err)
	}
	result, err := msg.Decode[msg.Result](m.Data)
	// One that cannot be read here, another release may never read.
	return err == nil && result.Attempt == attempt, nil
}

// sign turns the database's answer into a grant, with fresh URLs for inputs and outputs.
func (r *requests) sign(ctx context.Context, ref msg.Ref, g granted) (*msg.Grant, error) {
	bound := timeout(r.TaskTimeout, ref.Kind, g.params)
	signedFor := bound + signedBeyond
	grant := &msg.Grant{
		Ref: msg.NewRef(ref.Kind, ref.RenderID, ref.TaskID), Attempt: g.attempt,
		Lease: msg.Duration(r.Lease), HeartbeatEvery: msg.Duration(heartbeatEvery(r.Lease)), Timeout: msg.Duration(bound),
		Params: g.params, Inputs: map[string]msg.Input{}, Outputs: map[string]msg.Output{},
	}
	room, used := room(g), 0
	for name, in := range g.inputs {
		url, parts, err := signParts(in.Key, partsOf(in), room/len(g.inputs)/2, func(key string) (msg.SignedURL, error) {
			return r.Store.PresignGet(ctx, r.WorkBucket, key, signedFor)
		})
		if err != nil {
			return nil, fmt.Errorf("sign input %s: %w", name, err)
		}
		used += len(parts.More) * (len(url) + bytesOfURL)
		grant.Inputs[name] = msg.Input{Key: in.Key, URL: url, Parts: parts, Facts: in.Facts}
	}
	for name, out := range g.outputs {
		key := objectKey(ref, g.attempt, out.File)
		url, parts, err := signParts(key, allParts(plan.PartBytes(key)), (room-used)/len(g.outputs), func(key string) (msg.SignedURL, error) {
			return r.Store.PresignPut(ctx, r.WorkBucket, key, out.ContentType, signedFor)
		})
		if err != nil {
			return nil, fmt.Errorf("sign output %s: %w", name, err)
		}
		grant.Outputs[name] = msg.Output{Key: key, URL: url, Parts: parts, ContentType: out.ContentType}
	}
	if bundles(ref.Kind) {
		key := objectKey(ref, g.attempt, bundleFile)
		url, err := r.Store.PresignPut(ctx, r.WorkBucket, key, bundleType, signedFor)
		if err != nil {
			return nil, fmt.Errorf("sign the failure bundle: %w", err)
		}
		grant.Bundle = &msg.Output{Key: key, URL: url, ContentType: bundleType}
	}
	return grant, nil
}

// An attempt may take Config.TaskTimeout, and this for each frame. That ends work that hangs, and
// is far longer than work takes on the slowest machine.
const (
	timeoutPerFrame = 2 * time.Second
	timeoutMost     = 11 * time.Hour
)

// timeout is how long an attempt at a task with these parameters may take.
func timeout(base time.Duration, kind msg.Kind, params json.RawMessage) time.Duration {
	switch kind {
	case msg.Probe:
		return msg.ProbeTimeout
	case msg.Preflight:
		return pageTimeout
	}
	var p struct {
		Frames json.RawMessage `json:"frames"`
	}
	// frames is one number, or one for each segment. Anything else counts as 0.
	var frames int
	if json.Unmarshal(params, &p) == nil && json.Unmarshal(p.Frames, &frames) != nil {
		var each []int
		if json.Unmarshal(p.Frames, &each) == nil {
			for _, n := range each {
				frames += n
			}
		}
	}
	return min(base+time.Duration(frames)*timeoutPerFrame, timeoutMost)
}

// renew renews a lease together with others, or alone where its render is held.
func (r *requests) renew(ctx context.Context, h msg.Heartbeat) (wanted bool, err error) {
	if h.Kind == msg.Preflight {
		return r.pages.heartbeat(ctx, h)
	}
	if answer, err := r.heartbeats.do(ctx, h); err == nil && answer != nil {
		return *answer, nil
	}
	return r.tasks.heartbeat(ctx, h)
}

// heartbeat renews leases of one worker. When the database does not answer, it is told to go on: a
// task cannot be granted to another worker meanwhile, and its result is checked in any case.
func (r *requests) heartbeat(ctx context.Context, m *nats.Msg) {
	h, err := msg.Decode[msg.Heartbeat](m.Data)
	if err != nil {
		r.Log.Warn().Err(err).Str("subject", m.Subject).Msg("unreadable heartbeat")
		return
	}
	// They are in one batch, as those of other messages are.
	answers := make([]msg.HeartbeatReply, len(h.Also))
	var others sync.WaitGroup
	for i, other := range h.Also {
		others.Go(func() { answers[i] = r.answer(ctx, other) })
	}
	reply := r.answer(ctx, h)
	others.Wait()
	reply.Also = answers
	respond(r.Log, m, reply)
}

// answer renews the lease of a heartbeat and returns its answer.
func (r *requests) answer(ctx context.Context, h msg.Heartbeat) msg.HeartbeatReply {
	log := r.Log.With().Stringer("render_id", h.RenderID).Stringer("task_id", h.TaskID).Int("attempt", h.Attempt).Logger()
	reply := msg.HeartbeatReply{Version: msg.Version}
	wanted, err := r.renew(ctx, h)
	fault.Here(fault.HeartbeatCommitted)
	switch {
	case err != nil:
		log.Warn().Err(err).Msg("lease not renewed: the worker goes on")
		r.Metrics.DatabaseError("heartbeat", err)
		reply.Reason = "the database does not answer"
	case !wanted:
		log.Info().Str("worker", h.Worker).Msg("worker told to stop")
		reply.Stop, reply.Reason = true, "the attempt is over"
	case len(h.Stored) > 0:
		r.Wake() // tasks that need these outputs may be due
	}
	return reply
}

func respond[M msg.Message](log zerolog.Logger, m *nats.Msg, reply M) {
	data, err := msg.Encode(reply)
	if err == nil {
		err = m.Respond(data)
	}
	if err != nil {
		// The worker asks again.
		log.Warn().Err(err).Msg("answer not sent")
	}
}
