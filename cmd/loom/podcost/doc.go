// Package podcost tells Kubernetes which pods are busy. A Deployment that is scaled in removes the
// pods of the lowest deletion cost first, so each worker's pod has its running tasks as its cost,
// and an idle one has none.
//
// A pod is known by its name, which is its worker's in loom.worker_load. A cost may be a round old:
// a worker that is removed although it has just begun a task finishes it, or hands it back.
package podcost
