// What the recorder does in a page, and looks for in it. It runs in a world of its own: the page
// sees what is drawn and scrolled, not this code, and cannot change what it calls. One call of
// frame() does all that a frame needs. It is given find.js and scroll.js.
((finding, scrolling) => {
  if (globalThis.loomDriver) return globalThis.loomDriver

  const found = finding()
  const { shown, lists, find, rect, inside, holds } = found
  const { view, room, at, put, main, locked, plan, move, approach, course, back } = scrolling(found)

  // acts is what each action has found and begun, by its number. Another document has none of it:
  // it is found again.
  const acts = new Map()
  const clamp = (x, lo, hi) => Math.min(Math.max(x, lo), hi)

  // ---- looking through

  // starts are where what was scrolled on the way through the page stood before.
  const starts = new Map()

  // place is where the page is scrolled to along an axis, in CSS pixels. A page that loads is not
  // as high as it will be, and one that was loaded again goes by itself to where it was.
  function place(axis) {
    const s = main(axis), { width, height } = view(s), end = room(s, axis)
    return {
      top: at(s, axis), view: axis === 'x' ? width : height, end, locked: end <= 1 && locked(document, axis),
      loading: document.readyState !== 'complete',
    }
  }

  // jump scrolls to top, in a page that was at first when this began: another document of it may
  // have begun elsewhere.
  function jump(axis, top, first) {
    const s = main(axis)
    if (!starts.has(s)) starts.set(s, starts.size ? at(s, axis) : first)
    put(s, axis, top)
  }

  function jumpBack(axis, first) {
    if (!starts.size) starts.set(main(axis), first)
    for (const [s, top] of starts) put(s, axis, top)
    starts.clear()
  }

  // ---- pointing

  const hits = (el, x, y) => {
    const hit = el.getRootNode().elementFromPoint(x, y)
    return hit && holds(el, hit) || hit?.closest('label')?.control === el
  }

  // spot is where in an element the mouse goes: the middle, or if something else is there, another
  // place that is free.
  function spot(el, r) {
    const box = { left: Math.max(r.left, 0), top: Math.max(r.top, 0), right: Math.min(r.right, innerWidth), bottom: Math.min(r.bottom, innerHeight) }
    if (box.left >= box.right || box.top >= box.bottom) return [.5, .5]
    const places = [.5, .25, .75, .1, .9].flatMap(y => [.5, .25, .75, .1, .9].map(x => [x, y]))
    const at = ([x, y]) => [box.left + (box.right - box.left) * x, box.top + (box.bottom - box.top) * y]
    const [x, y] = at(places.find(p => hits(el, ...at(p))) ?? [.5, .5])
    return [(x - r.left) / r.width, (y - r.top) / r.height]
  }

  // aim moves the mouse the part step.q of its way to an element, and the element into view.
  function aim(act, el, step, pointer) {
    const list = plan(act, el, '')
    move(act, list, step.p)
    const r = rect(el)
    const left = list.reduce((sum, { s, left }) => sum + left - s.scrollLeft, 0)
    const top = list.reduce((sum, { s, top }) => sum + top - s.scrollTop, 0)
    if (!act.spot && Math.abs(left) + Math.abs(top) < 1 || step.q === 1) act.spot = spot(el, r)
    const [fx, fy] = act.spot ?? [.5, .5]
    const to = [r.left - left + r.width * fx, r.top - top + r.height * fy]
    const from = step.from ?? pointer
    const [dx, dy] = [to[0] - from[0], to[1] - from[1]]
    // A hand moves in a slight bow.
    const bow = 4 * step.q * (1 - step.q) * Math.min(.1, 50 / (Math.hypot(dx, dy) || 1))
    const at = [from[0] + dx * step.q + dy * bow, from[1] + dy * step.q - dx * bow]
    const outside = step.q === 1 && !(to[0] >= 0 && to[1] >= 0 && to[0] < innerWidth && to[1] < innerHeight)
    return { state: outside ? 'outside' : 'ok', from, at }
  }

  // ---- typing

  function active() {
    let el = document.activeElement
    while (el?.shadowRoot?.activeElement) el = el.shadowRoot.activeElement
    return el
  }

  const writable = el => el.isContentEditable || 'readOnly' in el && !el.readOnly && !el.disabled

  // focus puts the focus, and the caret behind what is there, into an element or what it is the
  // label or the frame of.
  function focus(act, el, step) {
    move(act, plan(act, el, ''), 1)
    const inner = 'input:not([type=hidden]), textarea, select, [contenteditable]:not([contenteditable=false]), [tabindex]'
    for (const c of [el, el.control, ...[...inside(el)].filter(e => e.matches(inner))]) {
      if (!c?.focus) continue
      const had = active()
      if (had !== c) c.focus({ preventScroll: true })
      const has = active()
      if (!has || !holds(c, has)) continue
      if (step.write && !writable(has)) continue
      if (has === had) return { state: 'ok' }
      if (has.isContentEditable) {
        getSelection().selectAllChildren(has)
        getSelection().collapseToEnd()
      } else if (has.value !== undefined) {
        try { has.setSelectionRange(has.value.length, has.value.length) } catch { /* not of this type */ }
      }
      return { state: 'ok' }
    }
    return { state: 'closed' }
  }

  // ---- what must not open

  // Lists, calendars and palettes open in windows of Chrome's own, which wait for frames that
  // nobody draws, and the page with them. They stay closed; keys choose from them all the same.
  const list = el => el.localName === 'select' && !el.multiple && el.size < 2
  const picker = el => el.localName === 'input' && /^(color|date|datetime-local|month|time|week)$/.test(el.type)
  const closed = e => {
    const el = e.composedPath()[0]
    const opens = {
      mousedown: () => list(el), click: () => picker(el),
      keydown: () => (list(el) || picker(el)) && (e.key === ' ' || e.key === 'F4' || e.altKey && /^Arrow(Up|Down)$/.test(e.key)),
    }
    if (!e.isTrusted || !opens[e.type]()) return
    e.preventDefault()
    if (e.type === 'mousedown') el.focus({ preventScroll: true })
  }

  // What a link opens in another tab would not be seen: it is opened in this one.
  const here = e => {
    const link = e.isTrusted && e.composedPath().find(el => el.matches?.('a[target], area[target]'))
    if (!link || /^_(self|top|parent)$/i.test(link.target)) return
    if (!document.querySelector(`iframe[name="${CSS.escape(link.target)}"]`)) link.target = '_self'
  }

  // guard sees to both in a window and in the frames in it that this code may reach.
  const guarded = new WeakSet()
  function guard(w) {
    try {
      if (!guarded.has(w.document)) {
        guarded.add(w.document)
        for (const type of ['mousedown', 'click', 'keydown']) w.addEventListener(type, closed, true)
        w.addEventListener('click', here, true)
      }
    } catch { return /* of another origin */ }
    for (let i = 0; i < w.length; i++) guard(w[i])
  }

  // ---- the pointer that is seen

  let host, arrow, ring

  const svg = (name, attributes) => {
    const el = document.createElementNS('http://www.w3.org/2000/svg', name)
    for (const key in attributes) el.setAttribute(key, attributes[key])
    return el
  }
  const style = (el, properties) => {
    for (const key in properties) el.style.setProperty(key, properties[key], 'important')
  }

  function build() {
    host = document.createElementNS('http://www.w3.org/1999/xhtml', 'loom-pointer')
    host.setAttribute('aria-hidden', 'true')
    host.setAttribute('popover', 'manual')
    style(host, {
      all: 'initial', display: 'block', position: 'fixed', left: '0', top: '0', width: '0', height: '0', margin: '0', padding: '0',
      border: '0', overflow: 'visible', 'pointer-events': 'none', 'z-index': '2147483647',
    })
    const layer = { position: 'absolute', left: '0', top: '0', width: '1px', height: '1px', overflow: 'visible', 'transform-origin': '0 0' }
    ring = svg('svg')
    style(ring, { ...layer, display: 'none' })
    ring.append(svg('circle', { fill: '#1b6ef3', 'fill-opacity': '.35', stroke: '#fff', 'stroke-width': '1.5' }))
    arrow = svg('svg')
    style(arrow, layer)
    const shape = 'M0 0 L0 18.2 L4.4 14.1 L7.3 20.8 L10.4 19.5 L7.5 12.9 L13.2 12.9 Z'
    arrow.append(
      svg('path', { d: shape, fill: 'none', stroke: '#000', 'stroke-opacity': '.13', 'stroke-width': '5', 'stroke-linejoin': 'round', transform: 'translate(.6 1.2)' }),
      svg('path', { d: shape, fill: '#111', stroke: '#fff', 'stroke-width': '1.6', 'stroke-linejoin': 'round' }))
    host.attachShadow({ mode: 'closed' }).append(ring, arrow)
    // What the page puts on top later, and takes away, is answered in the same frame.
    document.addEventListener('beforetoggle', e => { if (e.target !== host && e.newState === 'open') requestAnimationFrame(show) }, true)
    document.addEventListener('fullscreenchange', () => requestAnimationFrame(show), true)
    new MutationObserver(() => { if (!host.isConnected) show() }).observe(document, { childList: true })
    new MutationObserver(() => { if (!host.isConnected) show() }).observe(document.documentElement, { childList: true })
  }

  // show puts the pointer above everything, dialogs included.
  function show() {
    if (!host.isConnected) document.documentElement?.append(host)
    try {
      if (host.matches(':popover-open')) host.hidePopover()
      host.showPopover()
    } catch { /* it is shown by its z-index */ }
  }

  // draw puts the tip of the pointer to x, y, unless it is a finger; ripple is a click's place and
  // how much of its ring's life is over.
  function draw([x, y], ripple, finger) {
    if (!host) build()
    if (!host.isConnected) show()
    const { height, scale } = visualViewport // of a page that is shown smaller, or larger, than it is
    const size = clamp(height * scale / 560, 1, 2) / scale
    const press = ripple ? 1 - .14 * Math.max(0, 1 - Math.abs(ripple[2] - .12) / .2) : 1
    style(arrow, { display: finger ? 'none' : 'inline', transform: `translate(${x}px, ${y}px) scale(${size * press})` })
    style(ring, { display: ripple ? 'block' : 'none' })
    if (!ripple) return
    const left = 1 - ripple[2]
    style(ring, { transform: `translate(${ripple[0]}px, ${ripple[1]}px) scale(${size})`, opacity: left })
    ring.firstChild.setAttribute('r', 5 + 17 * (1 - left * left * left))
  }

  // ---- leaving

  // Who follows a link sees no more of the page that it is on, while it is there for some frames
  // more. Page time stands still until the other has come: when time passes, nothing comes of it,
  // as with a download.
  const leave = 100
  let left = -Infinity
  const leaving = () => performance.now() - left < leave

  navigation.addEventListener('navigate', e => {
    // Whether the page prevents it is known later.
    if (!e.destination.sameDocument && e.downloadRequest === null) queueMicrotask(() => { if (!e.defaultPrevented) left = performance.now() })
  })
  for (const type of ['currententrychange', 'navigateerror']) navigation.addEventListener(type, () => { left = -Infinity })

  // wasDrawn reports whether the document was drawn: until then, Chrome drops what is typed and
  // clicked.
  let frames = 0
  requestAnimationFrame(() => frames++)
  const wasDrawn = () => frames > 0 || performance.getEntriesByType('paint').length > 0

  // ---- a frame

  function act(n) {
    if (!acts.has(n)) acts.set(n, { from: new Map(), needs: new Map(), snaps: [] })
    return acts.get(n)
  }

  function perform(step, pointer) {
    const a = act(step.n)
    // What needs no element of a document needs the document: all of it, as long as it may still
    // come.
    const early = !step.selector && document.readyState === 'loading' || !a.begun && leaving() || /aim|focus/.test(step.do) && !wasDrawn()
    if (early && !step.anyway) return { state: 'early' }
    a.begun = true
    if (step.do === 'back') {
      back(a, act(step.of), step)
      return { state: 'ok' }
    }
    if (step.do === 'focus' || step.q === 1) guard(window)
    if (step.do === 'focus' && !step.selector) return { state: 'ok' } // it stays where it is
    if (!step.selector) return course(a, step)
    if (!a.el?.isConnected || !shown(a.el)) {
      const found = find(step.selector)
      if (typeof found === 'string') return { state: found }
      a.el = found
    }
    switch (step.do) {
      case 'scroll': return approach(a, a.el, step)
      case 'aim': return aim(a, a.el, step, pointer)
      case 'focus': return focus(a, a.el, step)
    }
  }

  return globalThis.loomDriver = {
    // frame does the steps of a frame and draws the pointer. It returns what became of each step,
    // and where the pointer is.
    frame(steps, pointer, ripple, drawn, finger) {
      pointer ??= [Math.round(innerWidth * .62), Math.round(innerHeight * .72)]
      const done = steps.map(step => {
        const result = perform(step, pointer)
        if (result.at) {
          pointer = result.at
          // Input events count from the corner of what is seen of the page, in its pixels.
          result.input = [pointer[0] - visualViewport.offsetLeft, pointer[1] - visualViewport.offsetTop]
        }
        return result
      })
      if (drawn) draw(pointer, ripple, finger)
      return { done, pointer, loading: document.readyState === 'loading' }
    },

    // there reports whether anything has been read of the document: nothing else here can be called
    // before.
    there: () => document.documentElement !== null,

    // sees reports whether a selector finds an element that can be seen.
    sees: selector => [...lists(selector)].flat().some(shown),

    place, jump, jumpBack,

    // rest shows the pointer in a document that is only beginning, as soon as it has been read.
    rest(x, y) {
      if (window !== top) return
      const appear = () => { if (!host && document.documentElement) draw([x, y]) }
      if (document.readyState !== 'loading') return appear()
      document.addEventListener('DOMContentLoaded', appear, { once: true })
    },
  }
})
