package renders

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/console/audit"
)

// Letter is a dead letter: a task that failed for good, or a message that nobody could read.
type Letter struct {
	// ID is the task's own, if there is a task.
	ID     uuid.UUID  `json:"id"`
	Kind   *msg.Kind  `json:"kind"`
	Render *uuid.UUID `json:"render_id" nullable:"true"`
	// Campaign is its name.
	Campaign *string `json:"campaign"`
	// Scene counts from 1; null for what is about no scene.
	Scene *int `json:"scene"`
	// Host is the host of the scene's page.
	Host         *string `json:"host"`
	ErrorCode    string  `json:"error_code"`
	ErrorMessage *string `json:"error_message"`
	// Attempts that the task had.
	Attempts *int `json:"attempts"`
	// Worker had the last of them, or found the message.
	Worker *string   `json:"worker"`
	DiedAt time.Time `json:"died_at"`
	// Subject is the message's; null for a task.
	Subject *string `json:"subject"`
	// Settled is replayed or discarded; null while the letter is open.
	Settled   *string    `json:"settled"`
	SettledAt *time.Time `json:"settled_at"`
}

// LetterInFull is a dead letter with all that is known of it.
type LetterInFull struct {
	Letter
	// Detail is for the operator.
	Detail *string `json:"detail"`
	// Body is the message, its bytes as text; null for a task.
	Body *string `json:"body"`
	// Tries are the task's attempts.
	Tries []Attempt `json:"tries"`
}

// LetterFilter says which dead letters are meant: those to which all applies that is set.
type LetterFilter struct {
	IDs  []uuid.UUID
	Kind string
	Code string
	// Render is a render's id, or uuid.Nil.
	Render uuid.UUID
	Host   string
	User   string
	// Since and Before bound when the task failed.
	Since, Before time.Time
	// Settled: those that were replayed or discarded, too.
	Settled bool
}

// where returns the filter as a condition on d, k and c, with its arguments.
func (f LetterFilter) where() (condition string, args []any) {
	all := []string{"true"}
	add := func(text string, value any) {
		args = append(args, value)
		all = append(all, fmt.Sprintf(text, len(args)))
	}
	if len(f.IDs) > 0 {
		ids := make([]string, len(f.IDs))
		for i, id := range f.IDs {
			ids[i] = id.String()
		}
		add("d.id = any ($%d::text[]::uuid[])", ids)
	}
	for text, value := range map[string]string{
		"d.kind = $%d::text": f.Kind, "d.error_code = $%d::text": f.Code, "k.host = $%d::text": strings.ToLower(f.Host),
		"c.user_id::text = $%d::text": strings.ToLower(f.User),
	} {
		if value != "" {
			add(text, value)
		}
	}
	if f.Render != uuid.Nil {
		add("d.render_id = $%d::uuid", f.Render)
	}
	if !f.Since.IsZero() {
		add("d.died_at >= $%d::timestamptz", f.Since)
	}
	if !f.Before.IsZero() {
		add("d.died_at < $%d::timestamptz", f.Before)
	}
	if !f.Settled {
		all = append(all, "d.settled is null")
	}
	return strings.Join(all, " and "), args
}

const fromLetters = ` from loom.dead_letters d left join loom.tasks k on k.id = d.task_id
	left join public.renders r on r.id = d.render_id left join public.campaigns c on c.id = r.campaign_id where `

// Letters lists dead letters, the newest first, at most limit.
func Letters(ctx context.Context, db *pgxpool.Pool, f LetterFilter, limit int) ([]Letter, error) {
	list, _, err := LetterPage(ctx, db, f, "", limit)
	return list, err
}

// LetterPage returns the dead letters that f means, the newest first, at most limit, and the cursor
// of the next page. It begins behind after.
func LetterPage(ctx context.Context, db *pgxpool.Pool, f LetterFilter, after Cursor, limit int) (list []Letter, next Cursor, err error) {
	condition, args := f.where()
	if after != "" {
		var p place
		if err := after.Place(&p); err != nil || p.At.IsZero() {
			return nil, "", ErrCursor
		}
		args = append(args, p.At, p.ID)
		condition += fmt.Sprintf(" and (d.died_at, d.id) < ($%d::timestamptz, $%d::uuid)", len(args)-1, len(args))
	}
	args = append(args, limit+1)
	rows, _ := db.Query(ctx, `select d.id, d.kind, d.render_id, c.name::text, (loom.params_of(k.id) ->> 'scene')::int, k.host, d.error_code, d.error_message,
		k.attempt, d.worker, d.died_at, d.subject, d.settled, d.settled_at`+fromLetters+condition+
		fmt.Sprintf(" order by d.died_at desc, d.id desc limit $%d::int", len(args)), args...)
	if list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Letter]); err != nil {
		return nil, "", explain("list dead letters", err)
	}
	if len(list) > limit {
		list = list[:limit]
		next = NewCursor(place{list[limit-1].DiedAt, list[limit-1].ID})
	}
	return list, next, nil
}

// InFull returns one dead letter with all that is known of it.
func InFull(ctx context.Context, db *pgxpool.Pool, id uuid.UUID) (l LetterInFull, err error) {
	list, err := Letters(ctx, db, LetterFilter{IDs: []uuid.UUID{id}, Settled: true}, 1)
	if err != nil {
		return l, err
	}
	if len(list) == 0 {
		return l, fmt.Errorf("%s: %w", id, ErrNoLetter)
	}
	l.Letter, l.Tries = list[0], []Attempt{}
	err = db.QueryRow(ctx, "select detail, encode(body, 'escape') from loom.dead_letters where id = $1::uuid", id).Scan(&l.Detail, &l.Body)
	if err != nil || l.Render == nil {
		return l, explain("read the dead letter", err)
	}
	task := []Task{{ID: id}}
	err = AddAttempts(ctx, db, task)
	l.Tries = append(l.Tries, task[0].Attempts...)
	return l, err
}

// FindLetter returns the id of the dead letter that part is the start or the end of, or the whole.
func FindLetter(ctx context.Context, db *pgxpool.Pool, part string) (uuid.UUID, error) {
	p, err := LetterPart(part)
	if err != nil {
		return uuid.Nil, err
	}
	rows, _ := db.Query(ctx, `select id from loom.dead_letters
		where id::text like $1::text || '%' or id::text like '%' || $1::text order by died_at desc limit 5`, p.text)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return uuid.Nil, explain("look for the dead letter", err)
	}
	return p.One(ids)
}

// Replayed is a dead letter whose render is made again.
type Replayed struct {
	ID     uuid.UUID `json:"id"`
	Render uuid.UUID `json:"render_id"`
	Job    uuid.UUID `json:"job_id"`
}

// settleMost bounds how many dead letters one statement settles.
const settleMost = 500

// Replay queues a new job for the render of each dead letter that the filter means and that is
// open. What is finished is not done again. Messages that could not be read are left out: their
// tasks went on without them. It returns those that it has replayed also with an error.
func Replay(ctx context.Context, db *pgxpool.Pool, f LetterFilter) ([]Replayed, error) {
	list, err := settle(ctx, db, f, "d.task_id is not null", "select id, render_id, job_id from loom.replay_dead($1::text[]::uuid[])", pgx.RowToStructByPos[Replayed],
		func(r Replayed) (string, string, audit.Detail) {
			return "dead.replay", "dead-letter/" + r.ID.String(), audit.Detail{"render_id": r.Render, "job_id": r.Job}
		})
	return list, explain("replay dead letters", err)
}

// Discard puts the dead letters away that the filter means and that are open. Their renders stay
// as they are. It returns those that it has put away also with an error.
func Discard(ctx context.Context, db *pgxpool.Pool, f LetterFilter) ([]uuid.UUID, error) {
	list, err := settle(ctx, db, f, "true", "select loom.discard_dead($1::text[]::uuid[])", pgx.RowTo[uuid.UUID],
		func(id uuid.UUID) (string, string, audit.Detail) {
			return "dead.discard", "dead-letter/" + id.String(), nil
		})
	return list, explain("discard dead letters", err)
}

// settle calls a function with the ids of the open letters that the filter means and for which
// condition is true, some at a time: a thousand renders are not locked at once. It fails if letters
// are open then: somebody holds their rows.
func settle[T any](ctx context.Context, db *pgxpool.Pool, f LetterFilter, condition, call string, scan pgx.RowToFunc[T],
	entry func(T) (action, target string, detail audit.Detail),
) (list []T, err error) {
	f.Settled = false
	meant, args := f.where()
	rows, _ := db.Query(ctx, "select d.id::text"+fromLetters+meant+" and "+condition+" order by d.died_at, d.id", args...)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	for part := range slices.Chunk(ids, settleMost) {
		var settled []T
		err = UnlessHeld(ctx, db, func(tx pgx.Tx) error {
			rows, _ := tx.Query(ctx, call, part)
			if settled, err = pgx.CollectRows(rows, scan); err != nil {
				return err
			}
			for _, one := range settled {
				action, target, detail := entry(one)
				if err := audit.Record(ctx, tx, action, target, detail); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return list, err
		}
		list = append(list, settled...)
	}
	var left int
	err = db.QueryRow(ctx, "select count(*) from loom.dead_letters where id = any ($1::text[]::uuid[]) and settled is null", ids).Scan(&left)
	if err == nil && left > 0 {
		err = fmt.Errorf("%d are left, since other transactions hold the rows of their renders: %w", left, ErrHeld)
	}
	return list, err
}
