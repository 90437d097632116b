package stage

import (
	"context"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// pulse is when an attempt's heartbeats were sent and answered.
type pulse struct {
	// next is when the next one is due. The message of another attempt may take it along before.
	next time.Time
	// answered is when the last one was; warned: that this is long ago has been logged.
	answered time.Time
	warned   bool
	// over: the attempt is not wanted. No more are sent.
	over bool
}

// aloneFor is how long a worker sends each heartbeat by itself once an ingest has overlooked those
// that another took along: it is of an older release.
const aloneFor = time.Minute

// heartbeat reports progress and cancels the task when ingest answers stop. An unanswered heartbeat
// changes nothing: while ingest is away it grants the task to no other worker, and the attempt
// number fences a grant that was missed. So work goes on, and its result waits in its stream.
func (l *lease) heartbeat(ctx context.Context) {
	for {
		due, over := l.due()
		if over {
			return
		}
		news := l.task.wait(ctx, time.Until(due))
		if ctx.Err() != nil {
			return
		}
		if due, over = l.due(); !over && (news || time.Until(due) <= 0) {
			l.worker.beat(ctx, l)
		}
	}
}

// due returns when the next heartbeat is due, and whether none is sent any more.
func (l *lease) due() (next time.Time, over bool) {
	l.worker.mu.Lock()
	defer l.worker.mu.Unlock()
	return l.pulse.next, l.pulse.over
}

// wait returns after d, when something is announced, or when ctx is cancelled. It returns whether
// something was announced.
func (t *Task) wait(ctx context.Context, d time.Duration) (news bool) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	select {
	case <-t.news:
		return true
	case <-ctx.Done():
		return false
	}
}

// beat sends the heartbeat of an attempt, which takes along those of this worker that are due soon:
// within half of the time between two of them. So slots that work all the time send one message,
// however many they are.
func (w *Worker) beat(ctx context.Context, first *lease) {
	list := w.together(first)
	replies, err := w.sendHeartbeats(ctx, list)
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, l := range list {
		l.pulse.next = now.Add(time.Duration(l.task.HeartbeatEvery))
		switch {
		case l.keeping.Err() != nil: // it has ended meanwhile: its result says all
		case i < len(replies):
			l.pulse.answered, l.pulse.warned = now, false
			if replies[i].Stop {
				l.pulse.over = true
				l.stop(replies[i].Reason)
			}
		case err == nil:
			// Overlooked. It is sent again when it would have been due.
			l.pulse.next, w.alone = now, now.Add(aloneFor)
		case ctx.Err() != nil:
			l.pulse.next = now // only the first one has ended
		case now.Sub(l.pulse.answered) >= time.Duration(l.task.Lease) && !l.pulse.warned:
			l.pulse.warned = true
			l.log.Warn().Err(err).Dur("for_ms", now.Sub(l.pulse.answered)).Msg("heartbeats unanswered: the task goes on")
		default:
			l.log.Debug().Err(err).Msg("heartbeat unanswered")
		}
	}
}

// together returns the attempts whose heartbeats are sent with that of the first one. Their next
// ones are due at the same time.
func (w *Worker) together(first *lease) []*lease {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	list := []*lease{first}
	for l := range w.running {
		every := time.Duration(l.task.HeartbeatEvery)
		if l != first && len(list) <= msg.MaxAlso && now.After(w.alone) && l.keeping.Err() == nil && !l.pulse.over && l.pulse.next.Before(now.Add(every/2)) {
			list = append(list, l)
		}
	}
	for _, l := range list {
		l.pulse.next = now.Add(time.Duration(l.task.HeartbeatEvery))
	}
	return list
}

// sendHeartbeats sends heartbeats in one message and returns the answers, in their order. There may
// be one only: see aloneFor. One message may be too small for the names of all that is stored.
func (w *Worker) sendHeartbeats(ctx context.Context, list []*lease) ([]msg.HeartbeatReply, error) {
	beat := list[0].beat()
	for _, l := range list[1:] {
		beat.Also = append(beat.Also, l.beat())
	}
	data, err := msg.Encode(beat)
	if len(data) > msg.MaxSize {
		beat.Also = nil
		data, err = msg.Encode(beat)
	}
	if err != nil {
		return nil, err
	}
	answer, err := w.request(ctx, msg.HeartbeatSubject(beat.Ref), data)
	if err != nil {
		return nil, err
	}
	reply, err := msg.Decode[msg.HeartbeatReply](answer.Data)
	if err != nil {
		return nil, err
	}
	return append([]msg.HeartbeatReply{reply}, reply.Also...), nil
}

// beat returns an attempt's heartbeat.
func (l *lease) beat() msg.Heartbeat {
	return msg.Heartbeat{
		Ref: msg.NewRef(l.task.Kind, l.task.RenderID, l.task.TaskID), Attempt: l.task.Attempt, Worker: l.worker.WorkerID,
		Progress: l.task.Done(), Stored: l.task.Announced(),
	}
}
