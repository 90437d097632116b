package renders

import (
	"testing"

	"github.com/google/uuid"
)

func TestRendersOfAnAppWithTypesOfItsOwnAreReadAndJobsSetAsideAreListed(t *testing.T) {
	db := open(t, migrated.Database(t))
	execute(t, db, `do $$ begin
		create type status as enum ('queued', 'done');
		alter table renders alter status drop default, alter status type status using status::status, alter progress type numeric,
		  alter final_video_url type varchar(300);
		end $$`)
	id := submit(t, db, Submission{Name: "Launch", Scenes: []Scene{{URL: "https://example.com", Seconds: 1}}})
	execute(t, db, `select loom.set_job_aside(id, render_id, '42P01', 'relation "x" does not exist') from render_jobs`)
	list, _, err := List(t.Context(), db, Filter{}, "", 10)
	if err != nil || len(list) != 1 || list[0].Status != "queued" {
		t.Errorf("%+v, %v", list, err)
	}
	for render, want := range map[uuid.UUID]int{uuid.Nil: 1, id: 1, uuid.New(): 0} {
		aside, err := SetAside(t.Context(), db, render)
		if err != nil || len(aside) != want {
			t.Fatalf("%s: %+v, %v", render, aside, err)
		}
		if want == 1 && (aside[0].Render != id || aside[0].Tries != 1 || aside[0].Reason != `relation "x" does not exist`) {
			t.Errorf("%+v", aside[0])
		}
	}
}
