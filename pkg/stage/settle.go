package stage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/fault"
	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/redact"
)

// internalMessage is what the product's user reads when an error has no words of its own.
const internalMessage = "Something went wrong on our side while making this video. Please try again."

// timeoutMessage is what the user reads when attempts took too long.
const timeoutMessage = "A step of this render took longer than it may. Please try again."

// outcome labels of metrics and logs, beside msg.Outcome's.
const (
	outcomePermanent = "failed_permanently"
	outcomeLost      = "lost"
)

// settle ends an attempt whose outputs are stored. It publishes the result, waits until the stream
// has confirmed it, and then acknowledges the message. A crash in between repeats work and loses
// none.
func (l *lease) settle(facts any, err error, elapsed time.Duration) {
	w := l.worker
	result := msg.Result{
		Ref:     msg.NewRef(l.task.Kind, l.task.RenderID, l.task.TaskID),
		Attempt: l.task.Attempt, Worker: w.WorkerID, Elapsed: msg.Duration(elapsed), Used: l.used,
	}
	if err == nil {
		result.Facts, err = encodeFacts(facts)
	}
	label := conclude(&result, err, context.Cause(l.ctx))
	if result.Failure != nil {
		result.Failure.Bundle = l.bundled
	}
	w.metrics.ended(l.task, label, elapsed, facts)
	l.span.End(label, codeOf(result))
	log := l.log.With().Str("outcome", label).Dur("elapsed_ms", elapsed).Logger()
	switch label {
	case string(msg.Done):
		log.Info().Msg("task done")
	case outcomePermanent:
		log.Warn().Str("code", string(result.Failure.Code)).Str("error", result.Failure.Detail).Msg("task failed for good")
	case string(msg.HandedBack):
		log.Info().Str("reason", result.Reason).Msg("task handed back")
	case outcomeLost:
		// A result would be refused. If the task is due again, ingest publishes a new message.
		reason := context.Cause(l.ctx)
		if reason == nil {
			reason = err
		}
		log.Warn().Str("reason", redact.Text(reason.Error())).Msg("task given up")
		settled(log, l.giveUp(reason))
		return
	default:
		log.Warn().Str("code", string(result.Failure.Code)).Str("error", result.Failure.Detail).Msg("task failed, to be tried again")
	}
	if err := l.report(result); err != nil {
		log.Warn().Err(err).Msg("result not delivered: the task is done again")
		settled(log, l.giveUp(context.Cause(l.unwanted)))
		return
	}
	fault.Here(fault.ResultPublished)
	ctx, cancel := context.WithTimeout(context.Background(), w.pace.request)
	defer cancel()
	settled(log, l.m.DoubleAck(ctx))
	fault.Here(fault.MessageAcknowledged)
}

// conclude decides how an attempt ended, from the handler's error and the cause of its context's
// cancellation, if any. It completes the result, unless the attempt is lost: then there is none.
// The label is for metrics and logs.
func conclude(result *msg.Result, err, cause error) (label string) {
	var own *Error
	switch {
	// Ingest refuses any result of an attempt that it does not want.
	case errors.Is(cause, ErrNotWanted), errors.Is(err, ErrNotWanted):
		return outcomeLost
	case err == nil:
		result.Outcome = msg.Done
		return string(msg.Done)
	// The error of a handler that was cancelled says nothing about its task.
	case errors.Is(cause, errDraining), errors.Is(err, ErrHandBack):
		if cause == nil {
			cause = err
		}
		result.Outcome, result.Reason = msg.HandedBack, truncate(redact.Text(cause.Error()), maxMessage)
		return string(msg.HandedBack)
	case errors.Is(cause, errTimeout):
		result.Outcome, result.Failure = msg.Failed, failure(Retryable(msg.CodeTaskTimeout, timeoutMessage, fmt.Errorf("%w: %w", cause, err)))
		return string(msg.Failed)
	case errors.As(err, &own) && own.Permanent:
		result.Outcome, result.Failure = msg.Failed, failure(err)
		return outcomePermanent
	default:
		result.Outcome, result.Failure = msg.Failed, failure(err)
		return string(msg.Failed)
	}
}

func failure(err error) *msg.Failure {
	f := &msg.Failure{Code: msg.CodeInternal, Message: internalMessage, Detail: truncate(redact.Text(err.Error()), maxDetail)}
	if own := new(Error); errors.As(err, &own) {
		f.Permanent = own.Permanent
		if own.Code != "" && own.Message != "" {
			f.Code, f.Message = own.Code, truncate(redact.Signatures(own.Message), maxMessage)
		}
	}
	return f
}

func encodeFacts(facts any) (json.RawMessage, error) {
	if facts == nil {
		return nil, nil
	}
	data, err := json.Marshal(facts)
	if err != nil {
		return nil, fmt.Errorf("write facts: %w", err)
	}
	if len(data) > maxFacts {
		return nil, fmt.Errorf("write facts: %d bytes, at most %d are allowed", len(data), maxFacts)
	}
	return data, nil
}

// giveUp settles the message of an attempt whose result is not, or could not be, reported. An
// attempt that is not wanted is over, and its message is acknowledged. Any other message goes back,
// and the next worker requests the task from ingest.
func (l *lease) giveUp(reason error) error {
	if errors.Is(reason, ErrNotWanted) {
		return l.m.Ack()
	}
	// An InProgress that overtook the Nak would keep the message here until its ack wait is over.
	l.letGo()
	return l.m.NakWithDelay(l.worker.pace.again)
}

// settled logs that a message could not be settled. That is harmless: when it is delivered again,
// ingest decides what happens to it.
func settled(log zerolog.Logger, err error) {
	if err != nil {
		log.Debug().Err(err).Msg("message not settled")
	}
}

// codeOf is the code of a result's failure, if it has one.
func codeOf(r msg.Result) msg.Code {
	if r.Failure == nil {
		return ""
	}
	return r.Failure.Code
}
