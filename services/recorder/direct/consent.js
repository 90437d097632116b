// Goes before autoconsent's script, in the world that it has to itself: what it asks of a document
// is answered as if open shadow roots were part of it. Its rules by words find banners in them so,
// as they are drawn: with the text and the buttons that stand in slots. It also gets the function
// by which it speaks to us, which is taken away again: without it, the script stops.
send => {
  globalThis.autoconsentSendMessage = message => {
    if (globalThis.loomConsentEnded) throw new Error("the scene has begun")
    globalThis[send](JSON.stringify(message))
    return Promise.resolve()
  }

  const around = node => node.assignedSlot ?? node.parentNode ?? node.host ?? null
  const within = Element.prototype.querySelectorAll

  // drawn calls visit with each element that is drawn in a node; those in one for which it returns
  // false are left out.
  function drawn(node, visit) {
    const slotted = node.localName === "slot" ? node.assignedElements() : []
    for (const el of slotted.length ? slotted : (node.shadowRoot ?? node).children) if (visit(el) !== false) drawn(el, visit)
  }

  // hosts reports whether a shadow root or a slot has a part in how an element is drawn: what has
  // none is left to Chrome.
  const hosts = el => el.shadowRoot || el.localName === "slot" || [...within.call(el, "*")].some(e => e.shadowRoot || e.localName === "slot")

  document.createTreeWalker = (from, _, filter) => {
    const list = []
    drawn(from, el => {
      const answer = filter.acceptNode(el)
      if (answer === NodeFilter.FILTER_ACCEPT) list.push(el)
      return answer !== NodeFilter.FILTER_REJECT
    })
    return { nextNode: () => list.shift() ?? null }
  }

  // What the element itself has comes first, as the rules by selectors expect it.
  Element.prototype.querySelectorAll = function (selector) {
    const own = within.call(this, selector)
    if (!hosts(this)) return own
    const all = new Set(own)
    drawn(this, el => { if (el.matches(selector)) all.add(el) })
    return [...all]
  }

  Node.prototype.contains = function (other) {
    for (let node = other; node; node = around(node)) if (node === this) return true
    return false
  }

  const { get: innerText } = Object.getOwnPropertyDescriptor(HTMLElement.prototype, "innerText")
  const block = /^(block|flex|grid|list-item|table)/
  Object.defineProperty(HTMLElement.prototype, "innerText", {
    configurable: true,
    get() {
      if (!hosts(this)) return innerText.call(this)
      const style = getComputedStyle(this)
      if (style.display === "none" || style.visibility === "hidden") return ""
      const slotted = this.localName === "slot" ? this.assignedNodes() : []
      const nodes = slotted.length ? slotted : (this.shadowRoot ?? this).childNodes
      const text = [...nodes].map(node => node.nodeType === Node.TEXT_NODE ? node.data : /^(style|script|template)$/.test(node.localName) ? "" : node.innerText ?? "")
      return block.test(style.display) ? "\n" + text.join("") + "\n" : text.join("")
    },
  })

  // Of an element that can be seen: where the one that it is placed by is in another's shadow root,
  // there is none.
  const { get: offsetParent } = Object.getOwnPropertyDescriptor(HTMLElement.prototype, "offsetParent")
  Object.defineProperty(HTMLElement.prototype, "offsetParent", {
    configurable: true,
    get() {
      const shadowed = this.assignedSlot || this.getRootNode() instanceof ShadowRoot
      return offsetParent.call(this) ?? (shadowed && this.getClientRects().length > 0 ? document.body : null)
    },
  })
}
