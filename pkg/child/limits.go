package child

import "time"

// Limits bound what one process may use, on Linux; elsewhere they do nothing. 0 is no bound. A
// child with limits writes no core file. One that reaches a limit fails.
type Limits struct {
	// Memory is in bytes, of data: what a process allocates, not the programs and libraries it
	// maps.
	Memory int64
	// CPU is the time of all cores together.
	CPU time.Duration
	// File is the size in bytes of the largest file that may be written.
	File int64
}
