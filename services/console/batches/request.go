package batches

import (
	"errors"
	"fmt"
	"io"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/services/console/renders"
	"github.com/loom-lite/loom-lite/services/console/sheet"
)

const (
	// MostRows bounds the rows of one list.
	MostRows = 50_000
	// MostID bounds an external id, in bytes.
	MostID = 200
	// MostName bounds a batch's name, in characters.
	MostName = 200
	// IDColumn is the column that has external ids, unless a request names another.
	IDColumn = "external_id"
	// Priority is that of a batch's jobs, unless a request has another: a batch waits for renders
	// that somebody asked for one by one.
	Priority = -10
	// chunk is how many rows are written with a statement.
	chunk = 500
	// mostFaults is how many faults a preview has.
	mostFaults = 100
)

// Codes of faults, beside those of package sheet and of variables.
const (
	CodeDuplicateID = "duplicate_external_id"
	CodeID          = "external_id_invalid"
	CodeTaken       = "external_id_taken"
	CodeUndeclared  = "undeclared_variable"
)

var (
	// ErrNotFound says that no batch has that id, or none that the principal may see.
	ErrNotFound = errors.New("there is no such batch")
	// ErrEmpty says that a list has no rows.
	ErrEmpty = errors.New("the list has no rows: after the header there is a line for each person")
	// ErrTooMany says that a list has more than MostRows rows.
	ErrTooMany = fmt.Errorf("the list has more than %d rows: divide it", MostRows)
	// ErrChanged says that a campaign that is sent along again was changed since it was sent first.
	ErrChanged = errors.New("the campaign that an earlier batch has made of this was changed since: name it by its id, or change what is sent")
	// ErrPriority says that a user's batches go before others'.
	ErrPriority = errors.New("a batch of one user's token cannot go before other renders: its priority is 0 or less")
)

// FaultsError says that a list that is to be rendered whole or not at all has rows with faults.
type FaultsError struct{ Preview Preview }

func (e *FaultsError) Error() string {
	return fmt.Sprintf("%d of %d rows have faults, and nothing was made: the first is in %s", e.Preview.Invalid, e.Preview.Rows, e.Preview.Faults[0])
}

// Request says what is to be made.
type Request struct {
	// ID is the batch's: one that is there is not made again. uuid.Nil: a new one.
	ID uuid.UUID
	// Name is for people; empty: the campaign's.
	Name string
	// Campaign is one that is there; uuid.Nil: Submission is.
	Campaign uuid.UUID
	// Submission is a campaign that is sent along. One that was sent along before, by the same user
	// and the same in all, is the campaign that it has made then.
	Submission *renders.Submission
	// Files is where the submission's own files are served, if they are; it differs each time.
	Files string
	// Rows opens the list. It is called twice.
	Rows Source
	// Column has the external ids; empty: IDColumn, if there is one.
	Column string
	// AllOrNone: a list with faults makes nothing.
	AllOrNone bool
	// Priority is that of the jobs.
	Priority int
}

// Source opens a list from its beginning.
type Source func() (sheet.Reader, io.Closer, error)

// Preview is what a list would make.
type Preview struct {
	Rows    int `json:"rows" doc:"Rows that are not empty."`
	Invalid int `json:"invalid" doc:"Rows with faults, which get no render."`
	// Faults are the first ones.
	Faults   []sheet.Fault `json:"faults" nullable:"false" doc:"The first 100 faults."`
	Warnings []string      `json:"warnings" nullable:"false" doc:"What may not be meant."`
	Renders  int           `json:"renders" doc:"Renders that it would make."`
	Earlier  int           `json:"earlier" doc:"Rows whose external id has a render already."`
	// Recordings and Segments are nil where too many differ to count them.
	Recordings *Shared `json:"recordings,omitempty" doc:"Recordings of pages that the renders need; left out where too many differ to count them."`
	Segments   *Shared `json:"segments,omitempty" doc:"Scenes as they are encoded, with the facecam on them; left out where too many differ to count them."`
	// Columns are those of the list.
	Columns []string `json:"columns" nullable:"false"`
}
