package judge

import (
	"regexp"

	"github.com/loom-lite/loom-lite/services/recorder/capture"
)

var (
	// about matches what banners are about, asks what they ask.
	about = regexp.MustCompile(`(?i)cookie|kakor|evästeet|consent|gdpr|rgpd|dsgvo|ccpa|privacy|datenschutz|privatsphäre|confidentialité|vie privée|` +
		`privacidad|privacidade|riservatezza|prywatno|ciasteczk|traceurs|tracking|tracker|персональных|куки|隐私|隱私|クッキー|プライバシー|쿠키|개인정보|çerez`)
	asks = regexp.MustCompile(`(?i)accept|agree|allow|reject|decline|deny|refuse|got it|only (necessary|essential)|manage|preferences|settings|` +
		`akzept|zustimm|einwillig|einverstanden|ablehn|auswahl|einstellungen|notwendige|` +
		`accepter|refuser|continuer sans|paramétrer|acept|rechaz|configurar|recusar|aceitar|accett|rifiut|accepteren|weiger|akkoord|toestaan|` +
		`akcept|zgadzam|odrzu|godkänn|avvisa|tillåt|godta|hyväksy|kabul|reddet|принять|отклонить|согласен|同意|接受|拒绝|拒絕|許可|すべて|동의|거부`)
	// known are names that the elements of common banners have.
	known = regexp.MustCompile(`(?i)onetrust|usercentrics|uc-(?:banner|container|root)|didomi|sp_message|sourcepoint|qc-cmp|quantcast|cybot|cookiebot|` +
		`truste|trustarc|osano|iubenda|borlabs|klaro|cookieyes|cky-consent|complianz|cmplz|termly|axeptio|tarteaucitron|fc-consent|` +
		`cookie-?(?:banner|consent|notice|law|bar|popup|modal|wall)|consent-?(?:banner|manager|popup|modal|layer|wall)|gdpr-?(?:banner|consent|popup)`)
)

// asksForConsent reports whether what lies over a page is a banner that asks for consent: it has
// the name of one and something to read or another site's page in it, or it says so.
func asksForConsent(c capture.Cover) bool {
	return known.MatchString(c.Names) || about.MatchString(c.Text) && asks.MatchString(c.Text)
}
