package receipts

import "math"

// Prices are what an installation charges. Zero prices cost nothing.
type Prices struct {
	// Currency names the unit of all prices.
	Currency string `env:"PRICE_CURRENCY" envDefault:"USD"`
	// CPUHour is the price of an hour of CPU time.
	CPUHour float64 `env:"PRICE_CPU_HOUR" envDefault:"0" min:"0"`
	// GBIn, GBOut and GBWeb are those of 1e9 bytes read from the store, written to it, and received
	// from the web.
	GBIn  float64 `env:"PRICE_GB_IN" envDefault:"0" min:"0"`
	GBOut float64 `env:"PRICE_GB_OUT" envDefault:"0" min:"0"`
	GBWeb float64 `env:"PRICE_GB_WEB" envDefault:"0" min:"0"`
	// VideoMinute is that of a minute of finished video.
	VideoMinute float64 `env:"PRICE_VIDEO_MINUTE" envDefault:"0" min:"0"`
}

// Cost is what something comes to by a list of prices, in its currency.
type Cost struct {
	Currency string  `json:"currency"`
	Total    float64 `json:"total"`
	CPU      float64 `json:"cpu"`
	Bytes    float64 `json:"bytes"`
	Video    float64 `json:"video"`
}

// free reports whether nothing has a price.
func (p Prices) free() bool {
	return p.CPUHour == 0 && p.GBIn == 0 && p.GBOut == 0 && p.GBWeb == 0 && p.VideoMinute == 0
}

// Of returns what use comes to, and seconds of finished video; nil when nothing has a price.
func (p Prices) Of(u Used, seconds float64) *Cost {
	if p.free() {
		return nil
	}
	const gb = 1e9
	c := &Cost{
		Currency: p.Currency, CPU: money(u.CPUSeconds / 3600 * p.CPUHour),
		Bytes: money((float64(u.BytesIn)*p.GBIn + float64(u.BytesOut)*p.GBOut + float64(u.BytesWeb)*p.GBWeb) / gb),
		Video: money(seconds / 60 * p.VideoMinute),
	}
	c.Total = money(c.CPU + c.Bytes + c.Video)
	return c
}

// money rounds to a millionth, which hides that prices are binary fractions.
func money(amount float64) float64 { return math.Round(amount*1e6) / 1e6 }
