package schedule

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

// doubles returns a gatherer whose answer to a number is its double; all may change what it does.
func doubles(all func(list []int, answers []int) error) *gatherer[int, int] {
	return &gatherer[int, int]{
		within: time.Minute, gate: &sync.Mutex{}, isLeftOut: func(answer int) bool { return answer == 0 },
		all: func(_ context.Context, list []int) ([]int, error) {
			answers := make([]int, len(list))
			for i, n := range list {
				answers[i] = 2 * n
			}
			return answers, all(list, answers)
		},
	}
}

func TestWhatIsWantedMeanwhileIsOneBatch(t *testing.T) {
	t.Parallel()
	var batches []int
	first, more := make(chan struct{}), make(chan struct{})
	g := doubles(func(list, _ []int) error {
		if batches = append(batches, len(list)); len(batches) == 1 {
			close(first)
			<-more
		}
		return nil
	})
	var callers sync.WaitGroup
	ask := func(n int) {
		callers.Go(func() {
			if answer, err := g.do(t.Context(), n); answer != 2*n || err != nil {
				t.Errorf("the answer to %d is %d, %v", n, answer, err)
			}
		})
	}
	ask(1)
	<-first
	for n := range 2 * gatherMost {
		ask(n + 1)
	}
	for waiting := 0; waiting < 2*gatherMost; {
		g.mu.Lock()
		waiting = len(g.waiting)
		g.mu.Unlock()
	}
	close(more)
	callers.Wait()
	if len(batches) != 3 || batches[1] != gatherMost || batches[2] != gatherMost {
		t.Errorf("batches are %v", batches)
	}
}

func TestOneThatIsLeftOutIsTriedAgainAndThenReturned(t *testing.T) {
	t.Parallel()
	tries := 0
	g := doubles(func(_, answers []int) error {
		tries++
		answers[0] = 0
		return nil
	})
	if answer, err := g.do(t.Context(), 1); answer != 0 || err != nil || tries != gatherTries {
		t.Errorf("the answer is %d, %v, after %d batches", answer, err, tries)
	}
}

func TestAnErrorIsThatOfAll(t *testing.T) {
	t.Parallel()
	refused := errors.New("refused")
	g := doubles(func(_, _ []int) error { return refused })
	if _, err := g.do(t.Context(), 1); !errors.Is(err, refused) {
		t.Errorf("the error is %v", err)
	}
	g = doubles(func(_, _ []int) error { return nil })
	if answer, err := g.do(t.Context(), 1); answer != 2 || err != nil {
		t.Errorf("the next one is %d, %v", answer, err)
	}
}
