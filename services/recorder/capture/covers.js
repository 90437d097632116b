// Returns what lies over the page and stays in its place: fixed and sticky elements, dialogs and
// popovers, with the share of the window that each covers, the largest first.
(() => {
  const columns = 32, rows = 24, most = 6, letters = 2000
  const parent = e => e.parentElement ?? e.getRootNode().host ?? null

  // rootOf is the outermost element around e that stays in its place.
  const rootOf = e => {
    let root = null
    for (; e && e !== document.body && e !== document.documentElement; e = parent(e)) {
      const position = getComputedStyle(e).position
      if (position === 'fixed' || position === 'sticky' || e.matches(':modal, :popover-open')) root = e
    }
    return root
  }

  // at is the innermost element at a point, in whatever shadow tree it is.
  const at = (x, y) => {
    let e = document.elementFromPoint(x, y)
    for (let inner; e?.shadowRoot && (inner = e.shadowRoot.elementFromPoint(x, y)) && inner !== e;) e = inner
    return e
  }

  const points = new Map()
  for (let i = 0; i < columns; i++) {
    for (let j = 0; j < rows; j++) {
      const root = rootOf(at((i + .5) * innerWidth / columns, (j + .5) * innerHeight / rows))
      if (root) points.set(root, (points.get(root) ?? 0) + 1)
    }
  }

  const within = (root, f) => {
    const all = [root, ...root.querySelectorAll('*')].slice(0, 500)
    for (const e of all) {
      f(e)
      if (e.shadowRoot) for (const inner of [...e.shadowRoot.querySelectorAll('*')].slice(0, 500)) f(inner)
    }
  }

  return [...points].sort((a, b) => b[1] - a[1]).slice(0, most).map(([root, n]) => {
    const names = [], texts = [root.innerText ?? '']
    within(root, e => {
      if (e.shadowRoot) texts.push(...[...e.shadowRoot.children].map(c => c.innerText ?? ''))
      if (e.id) names.push(e.id)
      if (typeof e.className === 'string' && e.className) names.push(e.className)
      if (e.localName === 'iframe') names.push(e.title, e.src)
    })
    return { share: n / (columns * rows), text: texts.join(' ').slice(0, letters), names: names.join(' ').slice(0, letters) }
  })
})()
