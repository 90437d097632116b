package service

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// Register registers c, or returns the one that another part of this process registered. A nil
// registry takes nothing.
func Register[C prometheus.Collector](registry *prometheus.Registry, c C) (C, error) {
	if registry == nil {
		return c, nil
	}
	err := registry.Register(c)
	var there prometheus.AlreadyRegisteredError
	if errors.As(err, &there) {
		if c, ok := there.ExistingCollector.(C); ok {
			return c, nil
		}
	}
	if err != nil {
		return c, fmt.Errorf("register metrics: %w", err)
	}
	return c, nil
}
