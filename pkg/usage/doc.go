// Package usage measures what a task uses: CPU time and bytes.
//
// What works for one task alone is added to its Account, which travels with the context: the
// programs that package child runs, and the objects that package stage moves.
//
// The process's own CPU time has no owner. Share divides it: what the process uses while n shares
// are open is added to each by an n-th. So the shares together are what the process used while
// there was one, and no work is counted twice, also where several workers share a process. What it
// uses while there is none belongs to nobody. A process that does more than tasks, as `loom up`
// does with its servers, charges that to those too.
package usage
