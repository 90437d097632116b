package faults

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// observers write down every change of a render and of a task's state, so that one which lasts for
// a moment is seen too.
const observers = `
create schema faults;
create table faults.renders_seen (
  seq bigserial primary key, at timestamptz not null default clock_timestamp(), render_id uuid, status text, progress int);
create table faults.tasks_seen (
  seq bigserial primary key, at timestamptz not null default clock_timestamp(), render_id uuid, task_id uuid, kind text,
  was text, state text, attempt int);
create index on faults.renders_seen (render_id);
create index on faults.tasks_seen (render_id);
create function faults.see_render() returns trigger language plpgsql security definer as $$
begin
  insert into faults.renders_seen (render_id, status, progress) values (new.id, new.status, new.progress);
  return null;
end
$$;
create function faults.see_task() returns trigger language plpgsql security definer as $$
begin
  insert into faults.tasks_seen (render_id, task_id, kind, was, state, attempt)
  values (new.render_id, new.id, new.kind, case tg_op when 'UPDATE' then old.state end, new.state, new.attempt);
  return null;
end
$$;
create trigger faults_see after insert or update on public.renders for each row execute function faults.see_render();
create trigger faults_see_new after insert on loom.tasks for each row execute function faults.see_task();
create trigger faults_see after update on loom.tasks for each row
  when (old.state is distinct from new.state) execute function faults.see_task();
`

// changes counts what the observers have seen: as long as it grows, something happens.
func (s *system) changes(ctx context.Context) (n int64, err error) {
	err = s.db.QueryRow(ctx, `select coalesce((select max(seq) from faults.renders_seen), 0)
		+ coalesce((select max(seq) from faults.tasks_seen), 0)`).Scan(&n)
	return n, err
}

// attempt is one that a worker began.
type attempt struct {
	task, render uuid.UUID
	kind         string
	number       int
}

// span is when a worker began an attempt, and when it ended it.
type span struct{ begun, ended time.Time }

// attempts reads the workers' journal: how often each attempt was begun, how many attempts at each
// task failed because they were to, and when each attempt was begun last and ended.
func (r *Run) attempts() (begun map[attempt]int, failed map[uuid.UUID]int, spans map[attempt]span, err error) {
	begun, failed, spans = map[attempt]int{}, map[uuid.UUID]int{}, map[attempt]span{}
	file, err := os.Open(r.journal())
	if errors.Is(err, fs.ErrNotExist) {
		return begun, failed, spans, nil
	}
	if err != nil {
		return nil, nil, nil, err
	}
	defer func() { _ = file.Close() }()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		var what, task, render, worker string
		var a attempt
		var ms int64
		// Workers of releases before wrote no time.
		if n, err := fmt.Sscan(lines.Text(), &what, &task, &render, &a.kind, &a.number, &worker, &ms); n < 6 {
			return nil, nil, nil, fmt.Errorf("read the journal: %q: %w", lines.Text(), err)
		}
		a.task, a.render = uuid.MustParse(task), uuid.MustParse(render)
		at := time.UnixMilli(ms)
		switch what {
		case "begins":
			begun[a]++
			spans[a] = span{begun: at}
		case "fails":
			failed[a.task]++
		case "ends":
			spans[a] = span{spans[a].begun, at}
		}
	}
	return begun, failed, spans, lines.Err()
}

func (r *Run) journal() string { return filepath.Join(r.dir, "journal") }

// askJetStream calls do, which asks JetStream a few things, with a connection of the suite's own.
// The client bounds its requests only where their context has no end, and a run's has one.
func (s *system) askJetStream(ctx context.Context, do func(context.Context, jetstream.JetStream) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, answerWithin, fmt.Errorf("JetStream does not answer within %s", answerWithin))
	defer cancel()
	err := s.withJetStream(func(_ *nats.Conn, js jetstream.JetStream) error { return do(ctx, js) })
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	return err
}

// withJetStream calls do with a connection of the suite's own.
func (s *system) withJetStream(do func(*nats.Conn, jetstream.JetStream) error) error {
	conn, err := nats.Connect(s.natsURL(s.nats.addr()), nats.MaxReconnects(-1))
	if err != nil {
		return fmt.Errorf("connect to NATS: %w", err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	return do(conn, js)
}

// waiting returns how many messages each of the work queues holds.
func (s *system) waiting(ctx context.Context) (list map[string]uint64, err error) {
	list = map[string]uint64{}
	err = s.askJetStream(ctx, func(ctx context.Context, js jetstream.JetStream) error {
		for _, name := range []string{msg.StreamRecord, msg.StreamTranscode, msg.StreamUpload, msg.StreamResults} {
			stream, err := js.Stream(ctx, name)
			if err != nil {
				return fmt.Errorf("look at stream %s: %w", name, err)
			}
			if n := stream.CachedInfo().State.Msgs; n > 0 {
				list[name] = n
			}
		}
		return nil
	})
	return list, err
}

// ends returns how often the end of each render was published.
func (s *system) ends(ctx context.Context) (list map[uuid.UUID]uint64, err error) {
	list = map[uuid.UUID]uint64{}
	err = s.askJetStream(ctx, func(ctx context.Context, js jetstream.JetStream) error {
		stream, err := js.Stream(ctx, msg.StreamEvents)
		if err != nil {
			return err
		}
		info, err := stream.Info(ctx, jetstream.WithSubjectFilter("event.*."+string(msg.EventEnded)))
		if err != nil {
			return err
		}
		for subject, n := range info.State.Subjects {
			id, err := uuid.Parse(strings.Split(subject, ".")[1])
			if err != nil {
				return err
			}
			list[id] = n
		}
		return nil
	})
	return list, err
}

// files lists the files below a folder, as paths from there.
func files(dir string) (list []string, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it is gone since, or there is no such bucket
		}
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		list = append(list, name)
		return err
	})
	return list, err
}
