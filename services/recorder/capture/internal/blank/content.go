package blank

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/world"
)

//go:embed content.js
var contentScript string

// loading matches what pages write beside a loading indicator, and the empty text.
var loading = regexp.MustCompile(`(?i)^(?:loading|loading data|loading page|please wait|wait|one moment|just a moment|initiali[sz]ing|starting|` +
	`connecting|lädt|laden|wird geladen|bitte warten|chargement|chargement en cours|veuillez patienter|cargando|espere|por favor espere|` +
	`carregando|aguarde|caricamento|attendere|bezig met laden|ładowanie|laddar|indlæser|laster|ladataan|yükleniyor|memuat|đang tải|` +
	`загрузка|подождите|завантаження|加载中|正在加载|載入中|请稍候|読み込み中|ロード中|로딩 ?중|로드 중|กำลังโหลด|جار التحميل|جاري التحميل|טוען)?$`)

// Empty reports whether an area of the window has nothing to read but that it is loading, and no
// video, field, link or page of another site.
func (a Area) Empty(w *world.World) (bool, error) {
	at, err := json.Marshal(a)
	if err != nil {
		return false, fmt.Errorf("write an area: %w", err)
	}
	var found struct {
		Text  string `json:"text"`
		Shows bool   `json:"shows"`
	}
	if err := w.Ask("read what is left of the page", fmt.Sprintf("(%s)(%s)", strings.TrimSpace(contentScript), at), &found); err != nil {
		return false, err
	}
	text := strings.Join(strings.FieldsFunc(found.Text, func(r rune) bool { return strings.ContainsRune(" \t\n\r.…·•*-–—:!,%0123456789", r) }), " ")
	return !found.Shows && loading.MatchString(text), nil
}
