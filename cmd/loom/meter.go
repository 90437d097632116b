package main

import (
	"syscall"
	"time"
)

// meter measures a command's CPU time and that of its descendants that have ended. On Linux that
// includes processes that Chrome leaves behind when it is killed: they become children of this
// process. Elsewhere they are not counted.
type meter struct {
	begun time.Time
	cpu   time.Duration
	end   func()
}

func startMeter() *meter { return &meter{end: adoptOrphans(), begun: time.Now(), cpu: cpuTime()} }

// stop returns the seconds since the start.
func (m *meter) stop() (wall, cpu float64) {
	defer m.end()
	return seconds(time.Since(m.begun)), seconds(cpuTime() - m.cpu)
}

// cpuTime is what this process and its children have used, user and system.
func cpuTime() (sum time.Duration) {
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var used syscall.Rusage
		if syscall.Getrusage(who, &used) == nil {
			sum += time.Duration(used.Utime.Nano() + used.Stime.Nano())
		}
	}
	return sum
}
