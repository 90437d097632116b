package report

import "slices"

// median returns the value in the middle, or the mean of the two in the middle; 0 of none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// each returns one value of each item.
func each[T any](items []T, value func(T) float64) []float64 {
	values := make([]float64, len(items))
	for i, item := range items {
		values[i] = value(item)
	}
	return values
}
