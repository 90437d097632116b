// Package check tests the Helm chart: that its templates make what the golden files have, that
// Kubernetes takes it to the field, that pods pass the Pod Security Standard "restricted", and that
// README.md has all values.
package check
