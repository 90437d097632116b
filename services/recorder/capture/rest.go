package capture

// rest knows whether the page stands still: from the first stride that no change ends, until there
// are two changes without such a stride between them.
type rest struct {
	report  func(still bool) // may be nil
	still   bool
	stirred bool // since the last stride
}

// strode takes a stride that no change has ended.
func (r *rest) strode() {
	r.stirred = false
	r.set(true)
}

// changed takes a frame that differs from the one before.
func (r *rest) changed() {
	if r.stirred {
		r.set(false)
	}
	r.stirred = true
}

func (r *rest) set(still bool) {
	if r.still == still {
		return
	}
	r.still = still
	if r.report != nil {
		r.report(still)
	}
}
