// Returns the characters in the visible part of the page that no font has: each is drawn like every
// character that does not exist.
(() => {
  const foreign = /[^\p{ASCII}\p{M}\p{C}\p{Z}\p{Default_Ignorable_Code_Point}]/gu
  const most = 200, side = 48
  // How many characters one call draws with the machine's fonts, and with the page's: a page may
  // have all that there are.
  const machine = { left: 2000 }, page = { left: 2000 }
  const known = globalThis.loomGlyphs ??= new Map() // by font: a Map of characters
  const missing = new Set()
  let pen

  const paint = c => {
    pen.clearRect(0, 0, side, side)
    pen.fillText(c, 8, 36)
    return new Uint32Array(pen.getImageData(0, 0, side, side).data.buffer)
  }

  // none is no character. It is outside of the unicode-ranges of web fonts, one of which would
  // otherwise be fetched for it.
  const none = '\u2fe0'

  // lacks reports whether a font and its fallbacks have no glyph of a character. Beyond the budget,
  // it says no until a later call.
  const lacks = (font, c, budget) => {
    if (!known.has(font)) known.set(font, { of: new Map() })
    const f = known.get(font)
    if (!f.of.has(c)) {
      if (budget.left-- <= 0) return false
      if (!pen) {
        const canvas = document.createElement('canvas')
        canvas.width = canvas.height = side
        pen = canvas.getContext('2d', { willReadFrequently: true })
      }
      pen.font = font
      f.none ??= { width: pen.measureText(none).width, picture: paint(none) }
      const same = pen.measureText(c).width === f.none.width && paint(c).every((p, i) => p === f.none.picture[i])
      f.of.set(c, same)
    }
    return f.of.get(c)
  }

  // suspects are the characters of a text that the machine's fonts lack: those are the fallback of
  // all other fonts.
  const suspects = text => [...new Set(text.match(foreign))].filter(c => lacks('24px sans-serif', c, machine))

  const look = (characters, element) => {
    const { fontStyle, fontWeight, fontFamily } = element.ownerDocument.defaultView.getComputedStyle(element)
    for (const c of characters) if (missing.size < most && lacks(`${fontStyle} ${fontWeight} 24px ${fontFamily}`, c, page)) missing.add(c)
  }

  const within = (rects, window) => [...rects].some(r =>
    r.width > 0 && r.height > 0 && r.right > 0 && r.bottom > 0 && r.left < window.innerWidth && r.top < window.innerHeight)
  const shown = (element, rects) => within(rects, element.ownerDocument.defaultView) &&
    element.checkVisibility({ opacityProperty: true, visibilityProperty: true, contentVisibilityAuto: true })

  const walk = root => {
    const document = root.ownerDocument ?? root, range = document.createRange()
    const nodes = document.createTreeWalker(root, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT)
    for (let node = nodes.currentNode; node; node = nodes.nextNode()) {
      if (node.nodeType === Node.TEXT_NODE) {
        const around = node.parentElement ?? root.host, found = suspects(node.data)
        if (!around || !found.length) continue
        range.selectNodeContents(node)
        if (shown(around, range.getClientRects())) look(found, around)
      } else if (node.nodeType === Node.ELEMENT_NODE) {
        if (node.shadowRoot) walk(node.shadowRoot)
        const field = (node.localName === 'input' && node.type !== 'hidden') || node.localName === 'textarea'
        const found = field ? suspects(node.value || node.placeholder) : []
        if (found.length && shown(node, node.getClientRects())) look(found, node)
        if (node.localName === 'iframe' && node.contentDocument?.documentElement && shown(node, node.getClientRects())) walk(node.contentDocument)
      }
    }
  }
  if (document.documentElement) walk(document)
  return [...missing].join('')
})()
