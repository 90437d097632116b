// Returns the text in an area of the window, and whether it shows a video, a page of its own, a
// field or a link. The area is left, top, right and bottom, as parts of the window's sides.
area => {
  const [left, top, right, bottom] = [area[0] * innerWidth, area[1] * innerHeight, area[2] * innerWidth, area[3] * innerHeight]
  const within = r => r.width > 0 && r.height > 0 && r.left < right && r.right > left && r.top < bottom && r.bottom > top
  const texts = []
  let shows = false

  // over reports whether an element, or one inside or around it, is the one on top at the middle of
  // a box.
  const over = (element, r) => {
    const seen = element.getRootNode().elementFromPoint((r.left + r.right) / 2, (r.top + r.bottom) / 2)
    return seen && (seen.contains(element) || element.contains(seen))
  }

  const walk = root => {
    const range = document.createRange()
    const nodes = document.createTreeWalker(root, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT)
    for (let node = nodes.currentNode; node; node = nodes.nextNode()) {
      if (node.nodeType === Node.TEXT_NODE) {
        const around = node.parentElement ?? root.host
        if (!around || !node.data.trim()) continue
        range.selectNodeContents(node)
        const visible = around.checkVisibility({ opacityProperty: true, visibilityProperty: true, contentVisibilityAuto: true })
        if (visible && [...range.getClientRects()].some(r => within(r) && over(around, r))) texts.push(node.data.trim())
      } else if (node.nodeType === Node.ELEMENT_NODE) {
        if (node.shadowRoot) walk(node.shadowRoot)
        if (!node.matches('video, iframe, embed, object, input, textarea, select, button, a[href]')) continue
        const r = node.getBoundingClientRect()
        if (node.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && within(r) && over(node, r)) shows = true
      }
    }
  }
  if (document.documentElement) walk(document)
  return { text: texts.join(' '), shows }
}
