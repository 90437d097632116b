package service

import (
	"os"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	spaceFreeDesc = prometheus.NewDesc("loom_work_free_bytes",
		"Bytes that this service can still write where its tasks work (WORK_DIR). Workers on one disk have the same.", nil, nil)
	spaceSizeDesc = prometheus.NewDesc("loom_work_size_bytes",
		"The size of the file system where this service's tasks work (WORK_DIR).", nil, nil)
)

// space is the room in a folder, measured when somebody asks.
type space struct{ dir string }

// MeasureSpace adds metrics of the room in the folder where tasks work: os.TempDir() for "".
func (b *Base) MeasureSpace(dir string) error {
	if dir == "" {
		dir = os.TempDir()
	}
	_, err := Register(b.Metrics(), space{dir})
	return err
}

// Describe implements prometheus.Collector.
func (s space) Describe(ch chan<- *prometheus.Desc) {
	ch <- spaceFreeDesc
	ch <- spaceSizeDesc
}

// Collect implements prometheus.Collector. A folder that cannot be looked at has no metrics.
func (s space) Collect(ch chan<- prometheus.Metric) {
	var st syscall.Statfs_t
	if syscall.Statfs(s.dir, &st) != nil {
		return
	}
	block := float64(st.Bsize)
	ch <- prometheus.MustNewConstMetric(spaceFreeDesc, prometheus.GaugeValue, float64(st.Bavail)*block)
	ch <- prometheus.MustNewConstMetric(spaceSizeDesc, prometheus.GaugeValue, float64(st.Blocks)*block)
}
