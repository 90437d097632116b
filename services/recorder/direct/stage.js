// What the recorder does in a page, and looks for in it. It runs in a world of its own: the page sees what is drawn and
// scrolled, not this code, and cannot change what it calls. One call of frame() does all that a frame needs.
(() => {
  if (globalThis.loomStage) return globalThis.loomStage

  // acts is what each action has found and begun, by its number. Another document has none of it: it is found again.
  const acts = new Map()
  const clamp = (x, lo, hi) => Math.min(Math.max(x, lo), hi)

  // ---- finding

  const shown = el => {
    const { width, height } = el.getBoundingClientRect()
    return width > 0 && height > 0 && el.checkVisibility({ visibilityProperty: true })
  }

  // within are the elements in a node, each followed by those in its shadow root if that is open.
  function* within(node) {
    for (const el of node.querySelectorAll('*')) {
      yield el
      if (el.shadowRoot) yield* within(el.shadowRoot)
    }
  }

  // inside are the elements in an element, its own shadow root included.
  function* inside(el) {
    if (el.shadowRoot) yield* within(el.shadowRoot)
    yield* within(el)
  }

  // roots are a root and the open shadow roots in it.
  function* roots(node) {
    yield node
    for (const el of within(node)) if (el.shadowRoot) yield el.shadowRoot
  }

  // parts are a selector's on both sides of ">>>", which leads into the shadow roots of what is before it. It throws what
  // Chrome does of a selector that is none.
  function parts(selector) {
    const check = s => document.createDocumentFragment().querySelector(s)
    try {
      check(selector)
      return [selector]
    } catch (e) {
      if (!selector.includes('>>>')) throw e
    }
    const list = selector.split('>>>').map(s => s.trim())
    list.forEach(check)
    return list
  }

  // lists are what a selector finds in the document, and then in each open shadow root, in the order of their hosts.
  function* lists(selector) {
    const list = parts(selector), last = list.pop()
    let starts = [document]
    for (const part of list) {
      const hosts = new Set(starts.flatMap(start => [...roots(start)]).flatMap(node => [...node.querySelectorAll(part)]))
      starts = [...hosts].map(host => host.shadowRoot).filter(node => node)
    }
    for (const start of starts) for (const node of roots(start)) yield [...node.querySelectorAll(last)]
  }

  // find returns the first element that can be seen, in place of one without a box of its own the first in it that has
  // one, or says why there is none.
  function find(selector) {
    try { parts(selector) } catch { return 'selector' }
    let there = false
    for (const all of lists(selector)) {
      for (const el of all) if (shown(el)) return el
      for (const el of all) for (const inner of inside(el)) if (shown(inner)) return inner
      there ||= all.length > 0
    }
    return there ? 'hidden' : 'absent'
  }

  // rect is where an element is: of one that is broken into lines, the largest piece.
  function rect(el) {
    const pieces = [...el.getClientRects()]
    if (pieces.length < 2) return el.getBoundingClientRect()
    return pieces.reduce((a, b) => (b.width * b.height > a.width * a.height ? b : a))
  }

  // ---- scrolling

  const root = () => document.scrollingElement ?? document.documentElement

  // around is the element around another as they are drawn: of what stands in a slot, that is the slot.
  const around = el => el.assignedSlot ?? el.parentElement ?? el.getRootNode().host ?? null

  // over is the first of those around that has a box of its own.
  function over(el) {
    do el = around(el)
    while (el && getComputedStyle(el).display === 'contents')
    return el
  }

  // holds reports whether an element is another or around it.
  function holds(el, other) {
    for (let e = other; e; e = around(e)) if (e === el) return true
    return false
  }

  // under are the elements at a place in the window, those in open shadow roots included.
  function under(x, y, node = document, seen = new Set([node])) {
    return node.elementsFromPoint(x, y).flatMap(el => {
      if (!el.shadowRoot || seen.has(el.shadowRoot)) return [el]
      seen.add(el.shadowRoot)
      return [...under(x, y, el.shadowRoot, seen), el]
    })
  }

  // scrollable reports whether an element other than the root scrolls what is in it.
  function scrollable(el) {
    if (el === document.documentElement) return false
    if (el === document.body && getComputedStyle(document.documentElement).overflowY === 'visible') return false
    const { overflowX, overflowY } = getComputedStyle(el)
    const rolls = /auto|scroll|overlay/
    return rolls.test(overflowY) && el.scrollHeight - el.clientHeight > 1 || rolls.test(overflowX) && el.scrollWidth - el.clientWidth > 1
  }

  // main is what the page scrolls in: the document, or where that does not scroll, the largest box that does.
  function main() {
    const r = root(), [html, body] = [document.documentElement, document.body].map(el => el && getComputedStyle(el).overflowY)
    const locked = /hidden|clip/.test(html === 'visible' ? body : html)
    if (!locked && r.scrollHeight - innerHeight > 1) return r
    let best = r, most = innerWidth * innerHeight / 5
    for (const el of document.querySelectorAll('body, body *')) {
      if (el.scrollHeight - el.clientHeight <= 1 || el.clientWidth * el.clientHeight <= most || !scrollable(el)) continue
      if (!/auto|scroll|overlay/.test(getComputedStyle(el).overflowY)) continue
      best = el
      most = el.clientWidth * el.clientHeight
    }
    return best
  }

  // scrollers are what an element can be scrolled in, from the inside out.
  function scrollers(el) {
    const list = []
    for (let e = el; e; e = over(e)) {
      if (e !== el && e !== root() && scrollable(e)) list.push(e)
      if (getComputedStyle(e).position === 'fixed') return list
    }
    return [...list, root()]
  }

  // view is the box on the screen through which a scroller shows what is in it.
  function view(s) {
    if (s === root()) return { left: 0, top: 0, width: document.documentElement.clientWidth, height: innerHeight }
    const { left, top } = s.getBoundingClientRect()
    return { left: left + s.clientLeft, top: top + s.clientTop, width: s.clientWidth, height: s.clientHeight }
  }

  // covered is how much of the top a header that sticks there takes from what is scrolled under it.
  function covered(el, s) {
    const box = view(s)
    const at = [.2, .5, .8].flatMap(x => under(box.left + box.width * x, box.top + 2))
    const header = 'header, nav, [class*=header i], [class*=sticky i], [id*=header i]'
    let height = 0
    for (const start of new Set([...at, ...[...within(document)].filter(e => e.matches(header))])) {
      for (let e = start; e && e !== document.body; e = over(e)) {
        const style = getComputedStyle(e), sticky = style.position === 'sticky'
        if (!sticky && style.position !== 'fixed') continue
        const top = sticky ? parseFloat(style.top) : e.getBoundingClientRect().top - box.top
        const { width, height: own } = e.getBoundingClientRect()
        if (holds(e, el) || !shown(e) || !(top < 3 && top > -3) || width < box.width / 2 || own > box.height * .4) continue
        // It sticks within its parent only.
        if (sticky && over(e) !== s && over(e).getBoundingClientRect().bottom < el.getBoundingClientRect().top) continue
        height = Math.max(height, top + own)
      }
    }
    return height
  }

  const px = text => parseFloat(text) || 0

  // plan says how far each scroller must be for an element to be at the top (start) or, where it is not on the screen, in
  // the middle. Every frame plans anew: what moves or grows on the way is still met.
  function plan(act, el, start) {
    let { left, top, right, bottom } = rect(el)
    const list = []
    for (const s of scrollers(el)) {
      const box = view(s), x = (left + right) / 2 - box.left, y = (top + bottom) / 2 - box.top
      let need = act.needs.get(s)
      if (!need) {
        need = { x: x < 0 || x > box.width, y: start || y < 0 || y > box.height, over: start ? covered(el, s) : 0 }
        act.needs.set(s, need)
      }
      let dx = need.x ? x - box.width / 2 : 0, dy = 0
      if (need.y && start) {
        const kept = px(getComputedStyle(el).scrollMarginTop) + px(getComputedStyle(s).scrollPaddingTop)
        dy = top - box.top - (kept || need.over)
      } else if (need.y) {
        dy = y - box.height / 2
      }
      const to = {
        s, top: clamp(s.scrollTop + dy, 0, Math.max(s.scrollHeight - box.height, 0)),
        left: need.x ? s.scrollLeft + dx : s.scrollLeft,
      }
      dx = to.left - s.scrollLeft
      dy = to.top - s.scrollTop
      left -= dx; right -= dx; top -= dy; bottom -= dy
      list.push(to)
    }
    return list
  }

  // move brings each scroller the part p of its way. While it is on its way it snaps to nothing.
  function move(act, list, p) {
    let far = 0
    for (const { s, top, left } of list) {
      let from = act.from.get(s)
      if (!from) {
        from = { top: s.scrollTop, left: s.scrollLeft }
        act.from.set(s, from)
        if (getComputedStyle(s).scrollSnapType !== 'none') {
          act.snaps.push([s, s.style.getPropertyValue('scroll-snap-type'), s.style.getPropertyPriority('scroll-snap-type')])
          s.style.setProperty('scroll-snap-type', 'none', 'important')
        }
      }
      far += Math.hypot(top - from.top, left - from.left)
      const now = { top: from.top + (top - from.top) * p, left: from.left + (left - from.left) * p }
      if (now.top !== s.scrollTop || now.left !== s.scrollLeft) s.scrollTo({ ...now, behavior: 'instant' })
    }
    if (p === 1) {
      for (const [s, value, priority] of act.snaps.splice(0)) {
        s.style.removeProperty('scroll-snap-type')
        if (value) s.style.setProperty('scroll-snap-type', value, priority)
      }
    }
    return far
  }

  // ways are where a scroll leads that has no element: the end as it was when the scroll began, or a number of pixels.
  function way(act, step) {
    act.s ??= main()
    act.end ??= act.s.scrollHeight - view(act.s).height
    return [{ s: act.s, top: clamp(step.to === 'end' ? act.end : step.y, 0, act.s.scrollHeight - view(act.s).height), left: act.s.scrollLeft }]
  }

  // ---- looking through

  // starts are where what was scrolled on the way through the page stood before.
  const starts = new Map()

  // place is where the page is scrolled to, in CSS pixels. A page that loads is not as high as it will be, and one that was loaded
  // again goes by itself to where it was.
  function place() {
    const s = main(), { height } = view(s)
    return { top: s.scrollTop, view: height, end: s.scrollHeight - height, loading: document.readyState !== 'complete' }
  }

  // jump scrolls to top, in a page that was at first when this began: another document of it may have begun elsewhere.
  function jump(top, first) {
    const s = main()
    if (!starts.has(s)) starts.set(s, starts.size ? s.scrollTop : first)
    s.scrollTo({ top, behavior: 'instant' })
  }

  function jumpBack(first) {
    if (!starts.size) starts.set(main(), first)
    for (const [s, top] of starts) s.scrollTo({ top, behavior: 'instant' })
    starts.clear()
  }

  // ---- pointing

  const hits = (el, x, y) => {
    const hit = el.getRootNode().elementFromPoint(x, y)
    return hit && holds(el, hit) || hit?.closest('label')?.control === el
  }

  // spot is where in an element the mouse goes: the middle, or if something else is there, another place that is free.
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
    const list = plan(act, el, false)
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

  // focus puts the focus, and the caret behind what is there, into an element or what it is the label or the frame of.
  function focus(act, el, step) {
    move(act, plan(act, el, false), 1)
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

  // Lists, calendars and palettes open in windows of Chrome's own, which wait for frames that nobody draws, and the page
  // with them. They stay closed; keys choose from them all the same.
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

  // draw puts the tip of the pointer to x, y; ripple is a click's place and how much of its ring's life is over.
  function draw([x, y], ripple) {
    if (!host) build()
    if (!host.isConnected) show()
    const { height, scale } = visualViewport // of a page that is shown smaller, or larger, than it is
    const size = clamp(height * scale / 560, 1, 2) / scale
    const press = ripple ? 1 - .14 * Math.max(0, 1 - Math.abs(ripple[2] - .12) / .2) : 1
    style(arrow, { transform: `translate(${x}px, ${y}px) scale(${size * press})` })
    style(ring, { display: ripple ? 'block' : 'none' })
    if (!ripple) return
    const left = 1 - ripple[2]
    style(ring, { transform: `translate(${ripple[0]}px, ${ripple[1]}px) scale(${size})`, opacity: left })
    ring.firstChild.setAttribute('r', 5 + 17 * (1 - left * left * left))
  }

  // ---- leaving

  // Who follows a link sees no more of the page that it is on, while it is there for some frames more. Page time stands still until
  // the other has come: when time passes, nothing comes of it, as with a download.
  const leave = 100
  let left = -Infinity
  const leaving = () => performance.now() - left < leave

  navigation.addEventListener('navigate', e => {
    // Whether the page prevents it is known later.
    if (!e.destination.sameDocument && e.downloadRequest === null) queueMicrotask(() => { if (!e.defaultPrevented) left = performance.now() })
  })
  for (const type of ['currententrychange', 'navigateerror']) navigation.addEventListener(type, () => { left = -Infinity })

  // wasDrawn reports whether the document was drawn: until then, Chrome drops what is typed and clicked.
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
    // What needs no element of a document needs the document: all of it, as long as it may still come.
    const early = !step.selector && document.readyState === 'loading' || !a.begun && leaving() || /aim|focus/.test(step.do) && !wasDrawn()
    if (early && !step.anyway) return { state: 'early' }
    a.begun = true
    if (step.do === 'back') {
      const list = [...act(step.of).from.keys()].filter(s => s.isConnected)
      if (!list.length) list.push(a.s ??= main())
      return { state: 'ok', far: move(a, list.map(s => ({ s, top: 0, left: act(step.of).from.get(s)?.left ?? s.scrollLeft })), step.p) }
    }
    if (step.do === 'focus' || step.q === 1) guard(window)
    if (step.do === 'focus' && !step.selector) return { state: 'ok' } // it stays where it is
    if (!step.selector) return { state: 'ok', far: move(a, way(a, step), step.p) }
    if (!a.el?.isConnected || !shown(a.el)) {
      const found = find(step.selector)
      if (typeof found === 'string') return { state: found }
      a.el = found
    }
    switch (step.do) {
      case 'scroll': return { state: 'ok', far: move(a, plan(a, a.el, true), step.p) }
      case 'aim': return aim(a, a.el, step, pointer)
      case 'focus': return focus(a, a.el, step)
    }
  }

  return globalThis.loomStage = {
    // frame does the steps of a frame and draws the pointer. It returns what became of each step, and where the pointer is.
    frame(steps, pointer, ripple, drawn) {
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
      if (drawn) draw(pointer, ripple)
      return { done, pointer, loading: document.readyState === 'loading' }
    },

    // there reports whether anything has been read of the document: nothing else here can be called before.
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
})()
