package deploy

import (
	"context"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/loom-lite/loom-lite/migrations/migrationstest"
)

// scaled is a ScaledObject of the chart, as the golden file of its templates has it.
type scaled struct {
	query                                              string
	polling, cooldown, most, threshold, fallback, keep int
	target                                             float64
}

func scaledRecorder(t *testing.T) scaled {
	t.Helper()
	var text string
	for _, object := range strings.Split(read(t, "deploy/helm/check/testdata/keda.yaml"), "\n---\n") {
		if strings.Contains(object, "kind: ScaledObject\n") && strings.Contains(object, "component: recorder\n") {
			text = object
		}
	}
	value := func(key string) string {
		t.Helper()
		found := regexp.MustCompile(`(?m)^ +`+key+`: "?(.*?)"?$`).FindAllStringSubmatch(text, -1)
		if len(found) != 1 {
			t.Fatalf("the ScaledObject has %s %d times:\n%s", key, len(found), text)
		}
		return found[0][1]
	}
	number := func(key string) int {
		t.Helper()
		n, err := strconv.Atoi(value(key))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if number("minReplicaCount") != 0 {
		t.Fatal("it does not scale to zero")
	}
	return scaled{query: value("query"), polling: number("pollingInterval"), cooldown: number("cooldownPeriod"), most: number("maxReplicaCount"),
		threshold: number("failureThreshold"), fallback: number("replicas"), keep: number("stabilizationWindowSeconds"), target: float64(number("targetQueryValue"))}
}

// sync is how often a HorizontalPodAutoscaler looks, in seconds: its controller's default.
const sync = 15

// scaler does by the second what KEDA 2.21 and the HorizontalPodAutoscaler that it makes do. KEDA
// wakes a stage and puts it to sleep; in between the autoscaler adds at once, 4 replicas or as many
// as there are, whichever is more, and takes none away that it wanted within its window.
type scaler struct {
	scaled
	read                          func(query string) (float64, error)
	now, replicas, active, failed int
	wanted                        [][2]int // when, how many
	woke                          int
}

func (s *scaler) second() {
	if s.now%s.polling == 0 {
		value, fallback, err := s.value()
		switch active := err == nil && value > 0 || fallback; {
		case active && s.replicas == 0:
			s.replicas, s.active, s.woke = 1, s.now, s.now
		case active:
			s.active = s.now
		case err == nil && s.replicas > 0 && s.now > s.active+s.cooldown:
			s.replicas, s.wanted = 0, nil
		}
	}
	// The autoscaler does not look at the same moment.
	if s.now%sync == 7 && s.replicas > 0 {
		if value, fallback, err := s.value(); err == nil || fallback {
			want := min(max(1, int(math.Ceil(value/s.target))), s.most)
			if fallback {
				want = s.fallback
			}
			s.wanted = append(s.wanted, [2]int{s.now, want})
			s.wanted = slices.DeleteFunc(s.wanted, func(w [2]int) bool { return w[0] < s.now-s.keep })
			kept := 0
			for _, w := range s.wanted {
				kept = max(kept, w[1])
			}
			s.replicas = min(max(want, min(kept, s.replicas)), max(s.replicas+4, 2*s.replicas))
		}
	}
	s.now++
}

func (s *scaler) value() (value float64, fallback bool, err error) {
	value, err = s.read(s.query)
	if err != nil {
		s.failed++
	} else {
		s.failed = 0
	}
	return value, s.failed > s.threshold, err
}

// until runs until is true, and returns the seconds that it took.
func (s *scaler) until(t *testing.T, what string, is func() bool) int {
	t.Helper()
	for began := s.now; ; s.second() {
		if is() {
			return s.now - began
		}
		if s.now-began > 3600 {
			t.Fatalf("after an hour it is not so that %s: %d replicas", what, s.replicas)
		}
	}
}

// The clock is simulated; the query is the chart's, on a real database, with the rights of
// loom_scaler.
func TestTheFirstTaskWakesAStageThatHasNoReplicas(t *testing.T) {
	role := migrationstest.MemberOf(t, "loom_scaler")
	connect := func(url string) *pgx.Conn {
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close(context.Background()) })
		return conn
	}
	owner, member := connect(role.OwnerURL), connect(role.URL)
	add := func(n int) {
		if _, err := owner.Exec(t.Context(), `
			with c as (insert into campaigns (name) values ('load') returning id),
			     r as (insert into renders (campaign_id) select id from c returning id),
			     j as (insert into render_jobs (render_id) select id from r returning id, render_id),
			     p as (insert into loom.plans (id, render_id, job_id, campaign, max_retries)
			           select gen_random_uuid(), render_id, id, '{}', 3 from j returning id, render_id)
			insert into loom.tasks (id, plan_id, render_id, kind, seq, params, weight, state)
			select gen_random_uuid(), p.id, p.render_id, 'record', n, '{}', 1, 'due' from p, generate_series(1, $1::int) n`, n); err != nil {
			t.Fatal(err)
		}
	}
	end := func() {
		if _, err := owner.Exec(t.Context(), "update loom.tasks set state = 'done'"); err != nil {
			t.Fatal(err)
		}
	}
	away := false
	s := &scaler{scaled: scaledRecorder(t), read: func(query string) (value float64, err error) {
		if away {
			return 0, fmt.Errorf("the database is away")
		}
		err = member.QueryRow(t.Context(), query).Scan(&value)
		return value, err
	}}

	// A render may come at any moment of the interval.
	total, longest := 0, 0
	for after := range s.polling {
		for range s.polling + after {
			s.second()
		}
		if s.replicas != 0 {
			t.Fatalf("with nothing to do there are %d replicas", s.replicas)
		}
		add(1)
		took := s.until(t, "it wakes", func() bool { return s.replicas > 0 })
		total, longest = total+took, max(longest, took)
		end()
		s.until(t, "it sleeps", func() bool { return s.replicas == 0 })
	}
	t.Logf("awake after %.1f s on average, %d s at most", float64(total)/float64(s.polling), longest)
	if longest > s.polling {
		t.Errorf("it wakes after %d s, with a reading each %d s", longest, s.polling)
	}

	add(24) // more than the most replicas take at once
	t.Logf("24 tasks: all %d replicas after %d s", s.most, s.until(t, "all replicas are there", func() bool { return s.replicas == s.most }))
	end()
	slept := s.until(t, "it sleeps", func() bool { return s.replicas == 0 })
	t.Logf("nothing to do: none is left after %d s", slept)
	if slept < s.cooldown {
		t.Errorf("it sleeps after %d s, before the %d s of its cooldown", slept, s.cooldown)
	}

	away = true
	t.Logf("the database away: %d replicas after %d s", s.fallback, s.until(t, "it falls back", func() bool { return s.replicas == s.fallback }))
}
