// Finds elements: in the document and in the open shadow roots in it, and what is around them as
// they are drawn.
() => {
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

  // parts are a selector's on both sides of ">>>", which leads into the shadow roots of what is
  // before it. It throws what Chrome does of a selector that is none.
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

  // lists are what a selector finds in the document, and then in each open shadow root, in the
  // order of their hosts.
  function* lists(selector) {
    const list = parts(selector), last = list.pop()
    let starts = [document]
    for (const part of list) {
      const hosts = new Set(starts.flatMap(start => [...roots(start)]).flatMap(node => [...node.querySelectorAll(part)]))
      starts = [...hosts].map(host => host.shadowRoot).filter(node => node)
    }
    for (const start of starts) for (const node of roots(start)) yield [...node.querySelectorAll(last)]
  }

  // find returns the first element that can be seen, in place of one without a box of its own the
  // first in it that has one, or says why there is none.
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

  // around is the element around another as they are drawn: of what stands in a slot, that is the
  // slot.
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

  return { shown, within, lists, find, rect, inside, over, holds, under }
}
