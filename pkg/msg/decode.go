package msg

import (
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
)

// Message is any message that Decode reads.
type Message interface {
	Task | GrantRequest | GrantReply | Heartbeat | HeartbeatReply | Result | Cancel | Watch | Event
}

// checker is a message that can check its own fields.
type checker interface{ check() error }

// Decode reads one message. It returns ErrMalformed for bytes that are no such message, and
// ErrVersion for a message of another schema version, whatever else that message holds.
func Decode[M Message](data []byte) (M, error) {
	var m M
	if len(data) > MaxSize {
		return m, fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrMalformed, len(data), MaxSize)
	}
	var head struct {
		Version *int `json:"v"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return m, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if head.Version == nil {
		return m, fmt.Errorf("%w: no schema version", ErrMalformed)
	}
	if *head.Version != Version {
		return m, versionError(*head.Version)
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return m, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if err := any(m).(checker).check(); err != nil {
		var zero M
		return zero, err
	}
	return m, nil
}

// Encode writes one message.
func Encode[M Message](m M) ([]byte, error) {
	if err := any(m).(checker).check(); err != nil {
		return nil, err
	}
	return json.Marshal(m)
}

func versionError(v int) error {
	return fmt.Errorf("%w %d (this build knows %d)", ErrVersion, v, Version)
}

func checkVersion(v int) error {
	if v != Version {
		return versionError(v)
	}
	return nil
}

func (r Ref) check() error {
	if err := checkVersion(r.Version); err != nil {
		return err
	}
	switch {
	case !r.Kind.Valid():
		return fmt.Errorf("%w: unknown kind %q", ErrMalformed, r.Kind)
	case r.RenderID == uuid.Nil || r.TaskID == uuid.Nil:
		return fmt.Errorf("%w: render_id or task_id is missing", ErrMalformed)
	}
	return nil
}

func (r GrantRequest) check() error {
	if r.Worker == "" || r.RequestID == uuid.Nil {
		return fmt.Errorf("%w: worker or request_id is missing", ErrMalformed)
	}
	return r.Ref.check()
}

func (r GrantReply) check() error {
	if err := checkVersion(r.Version); err != nil {
		return err
	}
	switch r.Verdict {
	case Granted:
		if r.Grant == nil {
			return fmt.Errorf("%w: granted without a grant", ErrMalformed)
		}
		if r.Grant.Attempt < 1 || r.Grant.Lease <= 0 || r.Grant.HeartbeatEvery <= 0 {
			return fmt.Errorf("%w: grant without attempt, lease or heartbeat", ErrMalformed)
		}
		return r.Grant.check()
	case Drop, Later:
		return nil
	}
	return fmt.Errorf("%w: unknown verdict %q", ErrMalformed, r.Verdict)
}

func (h Heartbeat) check() error {
	if h.Attempt < 1 || h.Progress < 0 || h.Progress > 1 {
		return fmt.Errorf("%w: attempt %d, progress %v", ErrMalformed, h.Attempt, h.Progress)
	}
	if len(h.Also) > MaxAlso {
		return fmt.Errorf("%w: %d other heartbeats", ErrMalformed, len(h.Also))
	}
	for _, other := range h.Also {
		// Who may send a heartbeat of a stream may not send one of another.
		if len(other.Also) > 0 || other.Kind.Stream() != h.Kind.Stream() {
			return fmt.Errorf("%w: a heartbeat of %s with one of %s", ErrMalformed, h.Kind, other.Kind)
		}
		if err := other.check(); err != nil {
			return err
		}
	}
	return h.Ref.check()
}

func (h HeartbeatReply) check() error {
	for _, other := range h.Also {
		if err := other.check(); err != nil {
			return err
		}
	}
	return checkVersion(h.Version)
}

func (r Result) check() error {
	if r.Attempt < 1 {
		return fmt.Errorf("%w: attempt %d", ErrMalformed, r.Attempt)
	}
	switch r.Outcome {
	case Done, HandedBack:
	case Failed:
		if r.Failure == nil || r.Failure.Code == "" || r.Failure.Message == "" {
			return fmt.Errorf("%w: failed without a code and a message", ErrMalformed)
		}
	default:
		return fmt.Errorf("%w: unknown outcome %q", ErrMalformed, r.Outcome)
	}
	return r.Ref.check()
}

func (c Cancel) check() error {
	if c.RenderID == uuid.Nil {
		return fmt.Errorf("%w: render_id is missing", ErrMalformed)
	}
	return checkVersion(c.Version)
}

func (e Event) check() error {
	if e.RenderID == uuid.Nil || e.What == "" {
		return fmt.Errorf("%w: render_id or what is missing", ErrMalformed)
	}
	return checkVersion(e.Version)
}
