package webhooks

import (
	"testing"
	"time"
)

func TestRetriesGoOnForAboutThreeDays(t *testing.T) {
	for name, random := range map[string]float64{"the shortest": 0, "the usual": 0.5, "the longest": 1} {
		var total, last time.Duration
		attempts := 1
		for failures := 0; ; failures++ {
			pause, more := pauseAfter(failures, 0, random)
			if !more {
				break
			}
			if pause < last {
				t.Errorf("%s: pause %d is %s, after %s", name, failures, pause, last)
			}
			total, last = total+pause, pause
			attempts++
		}
		if attempts != 11 || total < 57*time.Hour || total > 87*time.Hour || name == "the usual" && (total < 70*time.Hour || total > 73*time.Hour) {
			t.Errorf("%s: %d attempts in %s", name, attempts, total)
		}
	}
}

func TestAReceiverMayAskForALongerPauseAndNotForAShorterOne(t *testing.T) {
	for asked, want := range map[time.Duration]time.Duration{0: 5 * time.Second, time.Second: 5 * time.Second, time.Hour: time.Hour, 72 * time.Hour: longestWait} {
		if got, _ := pauseAfter(0, asked, 0.5); got != want {
			t.Errorf("asked for %s it waits %s, want %s", asked, got, want)
		}
	}
}
