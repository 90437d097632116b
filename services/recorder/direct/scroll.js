// Scrolls: says what the page scrolls in and how far that goes, and brings it there part by part.
// An axis is 'y', or 'x' of what scrolls sideways.
({ shown, within, rect, over, holds, under }) => {
  const clamp = (x, lo, hi) => Math.min(Math.max(x, lo), hi)
  const rolls = /auto|scroll|overlay/

  // ---- what scrolls

  const root = (doc = document) => doc.scrollingElement ?? doc.documentElement

  // view is the box on the screen through which a scroller shows what is in it.
  function view(s) {
    const doc = s.ownerDocument
    if (s === root(doc)) return { left: 0, top: 0, width: doc.documentElement.clientWidth, height: doc.defaultView.innerHeight }
    const { left, top } = s.getBoundingClientRect()
    return { left: left + s.clientLeft, top: top + s.clientTop, width: s.clientWidth, height: s.clientHeight }
  }

  // room is how far a scroller goes along an axis.
  const room = (s, axis) => axis === 'x' ? s.scrollWidth - view(s).width : s.scrollHeight - view(s).height

  // sign is -1 where a scroller begins at its right: there, Chrome counts down from 0.
  function sign(s, axis) {
    if (axis !== 'x') return 1
    const { direction, writingMode } = getComputedStyle(s === root(s.ownerDocument) ? s.ownerDocument.body ?? s : s)
    return direction === 'rtl' || writingMode === 'vertical-rl' ? -1 : 1
  }

  // at is how far along an axis a scroller is from where it begins; put brings it there at once.
  const at = (s, axis) => axis === 'x' ? s.scrollLeft * sign(s, axis) : s.scrollTop
  const put = (s, axis, far) => s.scrollTo({ [axis === 'x' ? 'left' : 'top']: far * sign(s, axis), behavior: 'instant' })

  const overflow = (el, axis) => getComputedStyle(el)[axis === 'x' ? 'overflowX' : 'overflowY']

  // scrolls reports whether an element other than the root scrolls what is in it along an axis.
  function scrolls(el, axis) {
    const { documentElement, body } = el.ownerDocument
    if (el === documentElement || el === body && overflow(documentElement, 'y') === 'visible') return false
    return (axis === 'x' ? el.scrollWidth - el.clientWidth : el.scrollHeight - el.clientHeight) > 1 && rolls.test(overflow(el, axis))
  }

  // locked reports whether a document may not be scrolled along an axis: as long as a preloader
  // covers it, perhaps.
  function locked(doc, axis) {
    const [html, body] = [doc.documentElement, doc.body].map(el => el && overflow(el, axis))
    return /hidden|clip/.test(html === 'visible' ? body : html)
  }

  // boxes are what else scrolls along an axis in a document, each with the area that it is seen in:
  // boxes, in open shadow roots as well, and the documents of frames that this code may reach.
  function* boxes(doc, axis) {
    for (const el of within(doc)) {
      const inner = /^i?frame$/.test(el.localName) && el.contentDocument
      if (inner?.documentElement) {
        if (!locked(inner, axis) && room(root(inner), axis) > 1) yield [root(inner), el.clientWidth * el.clientHeight]
        yield* boxes(inner, axis)
      } else if (scrolls(el, axis)) {
        yield [el, el.clientWidth * el.clientHeight]
      }
    }
  }

  // main is what the page scrolls in along an axis: the document, or where that does not scroll,
  // the largest box that does.
  function main(axis) {
    if (!locked(document, axis) && room(root(), axis) > 1) return root()
    let best = root(), most = innerWidth * innerHeight / 5
    for (const [el, area] of boxes(document, axis)) if (area > most) [best, most] = [el, area]
    return best
  }

  // scrollers are what an element can be scrolled in, from the inside out.
  function scrollers(el) {
    const list = []
    for (let e = el; e; e = over(e)) {
      if (e !== el && e !== root() && (scrolls(e, 'x') || scrolls(e, 'y'))) list.push(e)
      if (getComputedStyle(e).position === 'fixed') return list
    }
    return [...list, root()]
  }

  // ---- to an element

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

  // plan says how far each scroller must be for an element to be where its axis begins (start) or,
  // where it is not on the screen, in the middle. Every frame plans again: what moves or grows on
  // the way is still met.
  function plan(act, el, start) {
    let { left, top, right, bottom } = rect(el)
    const list = []
    for (const s of scrollers(el)) {
      const box = view(s), x = (left + right) / 2 - box.left, y = (top + bottom) / 2 - box.top
      let need = act.needs.get(s)
      if (!need) {
        need = {
          x: start === 'x' || x < 0 || x > box.width, y: start === 'y' || y < 0 || y > box.height,
          over: start === 'y' ? covered(el, s) : 0,
        }
        act.needs.set(s, need)
      }
      let dx = need.x ? x - box.width / 2 : 0, dy = 0
      if (start === 'x') {
        const way = Math.max(room(s, 'x'), 0), to = s.scrollLeft + left - box.left - kept(el, s, 'Left')
        dx = clamp(to, sign(s, 'x') < 0 ? -way : 0, sign(s, 'x') < 0 ? 0 : way) - s.scrollLeft
      }
      if (need.y && start === 'y') {
        dy = top - box.top - (kept(el, s, 'Top') || need.over)
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

  // kept is what the page says shall be left free between an element and where its scroller begins.
  const px = text => parseFloat(text) || 0
  const kept = (el, s, side) => px(getComputedStyle(el)['scrollMargin' + side]) + px(getComputedStyle(s)['scrollPadding' + side])

  // free notes where a scroller is before it is moved. While it is on its way it snaps to nothing,
  // until settle.
  function free(act, s) {
    let from = act.from.get(s)
    if (from) return from
    from = { top: s.scrollTop, left: s.scrollLeft }
    act.from.set(s, from)
    if (getComputedStyle(s).scrollSnapType !== 'none') {
      act.snaps.push([s, s.style.getPropertyValue('scroll-snap-type'), s.style.getPropertyPriority('scroll-snap-type')])
      s.style.setProperty('scroll-snap-type', 'none', 'important')
    }
    return from
  }

  function settle(act) {
    for (const [s, value, priority] of act.snaps.splice(0)) {
      s.style.removeProperty('scroll-snap-type')
      if (value) s.style.setProperty('scroll-snap-type', value, priority)
    }
  }

  // move brings each scroller the part p of its way, and returns how long that is.
  function move(act, list, p) {
    let far = 0
    for (const { s, top, left } of list) {
      const from = free(act, s)
      far += Math.hypot(top - from.top, left - from.left)
      const now = { top: from.top + (top - from.top) * p, left: from.left + (left - from.left) * p }
      if (now.top !== s.scrollTop || now.left !== s.scrollLeft) s.scrollTo({ ...now, behavior: 'instant' })
    }
    if (p === 1) settle(act)
    return far
  }

  // approach scrolls to an element. The way of a step that has a speed (paced) is measured before
  // it begins.
  function approach(act, el, step) {
    const far = move(act, plan(act, el, step.axis), step.p)
    if (step.paced && !act.measured) {
      act.measured = true
      return { state: 'ok', again: true, left: far }
    }
    const { left, top, right, bottom } = rect(el)
    return { state: 'ok', short: bottom <= 0 || right <= 0 || top >= innerHeight || left >= innerWidth, moved: far }
  }

  // ---- to the end, or a number of pixels

  // hurry is how many times as fast as before a scroll may become because the page has grown.
  const hurry = 3

  // course brings the page the part step.p of its way, of which step.since was over in the frame
  // before. Each frame looks again at what scrolls and how far that goes. As long as that stays the
  // same, each frame is where the curve has it. When it changes, since the page is made or loaded
  // as it is scrolled, the rest of the way begins again at the place that is reached: for a step
  // that has a speed (paced) it is measured again, another goes faster. Once more than a window is
  // scrolled, it becomes no faster than hurry allows: else it would chase an endless page.
  function course(act, step) {
    const { axis } = step
    if (!act.leg || !act.leg.s.isConnected || !act.leg.s.ownerDocument.defaultView || room(act.leg.s, axis) <= 1) act.s = main(axis)
    const { s } = act, most = Math.max(room(s, axis), 0), to = step.to === 'end' ? most : clamp(step.y, 0, most)
    let { leg } = act
    const there = at(s, axis), kept = leg?.s === s && Math.abs(leg.at - there) < 1, now = kept ? leg.at : there
    if (leg?.s === s && !kept) act.undone = (act.undone ?? 0) + 1
    act.frames = (act.frames ?? 0) + 1
    free(act, s)
    if (leg?.s !== s || leg.to !== to) {
      leg = act.leg = { s, to, goal: to, from: now, at: now, start: leg?.s === s ? leg.start : now }
      if (step.paced) return { state: 'ok', again: true, left: Math.abs(to - now), short: stays(step, s, there), moved: 0 }
    }
    if (leg.since === undefined) {
      leg.since = step.since
      const rest = 1 - leg.since, pace = Math.abs(to - now) / rest
      const seen = axis === 'x' ? view(s).width : view(s).height
      if (!step.paced && rest > 0) {
        if (Math.abs(now - leg.start) <= seen) act.pace = pace
        leg.goal = now + Math.sign(to - now) * Math.min(pace, hurry * act.pace) * rest
      }
    }
    const part = step.p === 1 ? 1 : (step.p - leg.since) / (1 - leg.since)
    leg.at = leg.from + (leg.goal - leg.from) * part
    if (at(s, axis) !== leg.at) put(s, axis, leg.at)
    if (step.p === 1) settle(act)
    // A page that has put most of it back will do so with the rest.
    const end = act.undone > act.frames / 2 ? there : at(s, axis)
    return { state: 'ok', short: stays(step, s, end), less: stays(step, s, leg.goal), moved: Math.abs(end - leg.start) }
  }

  // stays reports whether a scroller at a place is not where it was to come.
  function stays(step, s, place) {
    const end = room(s, step.axis)
    return step.to === 'end' ? end <= 1 || end - place > 1 : step.y - place > 1
  }

  // back brings what another action has scrolled to where it begins.
  function back(act, of, step) {
    const list = [...of.from.keys()].filter(s => s.isConnected)
    if (!list.length) list.push(act.s ??= main(step.axis))
    return move(act, list.map(s => {
      const { top, left } = of.from.get(s) ?? { top: s.scrollTop, left: s.scrollLeft }
      return step.axis === 'x' ? { s, top, left: 0 } : { s, top: 0, left }
    }), step.p)
  }

  return { root, view, room, at, put, main, locked, plan, move, approach, course, back }
}
