package migrations

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/loom-lite/loom-lite/pkg/postgres"
)

// OutdatedError says that a database lacks something that this program's files make.
type OutdatedError struct {
	// Found says what it lacks, or which version it has.
	Found string
	// Mend says what to do.
	Mend string
}

func (e *OutdatedError) Error() string {
	return "the database's schema is missing or old: " + e.Found + ": " + e.Mend
}

// Check returns nil if loom-lite can work on the database. It returns an OutdatedError if the
// database is not up to date, and an UnfitError if the app's tables are not as they must be or the
// role lacks rights for these services, for ingest and the uploader if none is named. A database of
// a newer program is up to date. Check changes nothing.
func Check(ctx context.Context, db DB, of ...Service) error {
	barred, _, err := entering(ctx, db)
	if err != nil {
		return err
	}
	if barred != nil {
		return unfit(barred)
	}
	list, err := missingObjects(ctx, db)
	if err != nil {
		return err
	}
	if len(list) > 0 {
		version, err := SchemaVersion(ctx, db)
		if err != nil {
			version = 0 // the role may not call the function
		}
		if version > Version {
			// A newer release may have given functions more parameters, which have defaults.
			list = slices.DeleteFunc(list, func(o object) bool { return strings.HasSuffix(o.name, ")") })
		}
		if len(list) > 0 {
			return &OutdatedError{"it lacks " + enumerate(list), remedy(version, list[0].file)}
		}
	}
	fit, err := Fit(ctx, db)
	if err != nil {
		return err
	}
	rights, err := Rights(ctx, db, of...)
	if err != nil {
		return err
	}
	if err := unfit(append(fit, rights...)); err != nil {
		return err
	}
	version, err := SchemaVersion(ctx, db)
	if err == nil && version < Version {
		return &OutdatedError{fmt.Sprintf("its version is %d, and this program needs %d", version, Version), remedy(version, Files[0])}
	}
	return err
}

// enumerate names the first few of some objects.
func enumerate(list []object) string {
	const most = 5
	var names []string
	for _, o := range list[:min(most, len(list))] {
		names = append(names, o.name)
	}
	text := strings.Join(names, ", ")
	if more := len(list) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// remedy says how to bring a database up to date that lacks what file makes.
func remedy(version int, file string) string {
	const paste = " into its SQL editor, in the order of docs/operations/supabase.md"
	switch {
	case version > Version:
		return fmt.Sprintf("run `loom migrate` of the release that has schema version %d", version)
	case version < Version || file == Files[0]:
		return "run `loom migrate`, or paste all files of migrations/" + paste
	}
	return "run `loom migrate`, or paste " + file + " and the files after it" + paste
}

// Ready is Check for readiness probes: its errors name neither the host nor the role.
func Ready(ctx context.Context, db DB, of ...Service) error {
	err := Check(ctx, db, of...)
	if unfit := new(UnfitError); errors.As(err, &unfit) {
		return errors.New(unfit.Brief())
	}
	if err == nil || errors.As(err, new(*OutdatedError)) {
		return err
	}
	return errors.New(postgres.Reason(err))
}
