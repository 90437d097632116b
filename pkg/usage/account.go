package usage

import (
	"context"
	"sync/atomic"
	"time"
)

// Account sums what one piece of work uses. The zero value is empty. A nil Account takes everything
// and keeps nothing, so code that runs outside of a task needs no account. Its methods may be
// called at the same time.
type Account struct {
	cpu, in, out, web atomic.Int64
}

// AddCPU adds the CPU time of a program that worked for this alone.
func (a *Account) AddCPU(d time.Duration) {
	if a != nil {
		a.cpu.Add(int64(max(0, d)))
	}
}

// AddIn adds bytes that were read from the store.
func (a *Account) AddIn(bytes int64) {
	if a != nil {
		a.in.Add(bytes)
	}
}

// AddOut adds bytes that were written to the store.
func (a *Account) AddOut(bytes int64) {
	if a != nil {
		a.out.Add(bytes)
	}
}

// AddWeb adds bytes that came from the web.
func (a *Account) AddWeb(bytes int64) {
	if a != nil {
		a.web.Add(bytes)
	}
}

// CPU returns the CPU time that was added.
func (a *Account) CPU() time.Duration { return time.Duration(a.cpu.Load()) }

// Bytes returns the bytes that were added: read from the store, written to it, and come from the
// web.
func (a *Account) Bytes() (in, out, web int64) { return a.in.Load(), a.out.Load(), a.web.Load() }

type key struct{}

// With returns a context whose work is added to an account.
func With(ctx context.Context, a *Account) context.Context { return context.WithValue(ctx, key{}, a) }

// From returns the account of With; nil if there is none.
func From(ctx context.Context) *Account {
	a, _ := ctx.Value(key{}).(*Account)
	return a
}
