package capture

import (
	"context"
)

// workerStep is how much page time passes at most before workers are waited for: a timer of a worker
// comes due when it is, and fires once however often it was due. It is half a frame at 60 a second.
const workerStep = 84 * grain

// advanceBesideWorkers lets time pass until to. Where there are workers, it passes in steps, none
// of which begins before they have run what was queued.
func (s *scene) advanceBesideWorkers(ctx context.Context, to micros) error {
	if s.clock.real || !s.workers.Any() {
		return s.clock.advance(ctx, to)
	}
	for left := to - s.clock.elapsed; left > 0; {
		s.workers.Await(ctx)
		step := min(left, workerStep)
		if err := s.clock.advance(ctx, s.clock.elapsed+step); err != nil {
			return err
		}
		before := s.clock.elapsed
		if err := s.catchUp(ctx); err != nil {
			return err
		}
		left -= step + max(0, s.clock.elapsed-before)
	}
	return nil
}
