// Gives a document the stylesheets that hide, remove and css are, and its open shadow roots that of
// hide and remove. Constructed sheets are no part of the document's tree: a page that draws itself
// again keeps them, and no content security policy refuses them.
(hide, remove, css) => {
  if (window !== window.top) return;
  const rules = new CSSStyleSheet();
  const add = (selector, body) => {
    const i = rules.insertRule("x {" + body + "}", rules.cssRules.length);
    // A selector set by itself cannot end the rule. One that is wrong changes nothing.
    rules.cssRules[i].selectorText = selector;
    if (rules.cssRules[i].selectorText === "x" && selector.trim() !== "x") rules.deleteRule(i);
  };
  // Three ids outweigh what the page itself says is important.
  const strong = selector => ":is(" + selector + ", #loom#loom#loom)";
  // Whichever of them the page's own styles insist on, or those of what is within: one is left.
  const unseen = "visibility: hidden !important; opacity: 0 !important; clip-path: inset(50%) !important";
  for (const selector of hide) {
    // Bare, too, since what is before or after an element cannot stand in :is().
    for (const s of [selector, strong(selector)]) add(s, unseen);
  }
  for (const selector of remove) {
    for (const s of [selector, strong(selector)]) add(s, "display: none !important;" + unseen);
  }
  const sheets = [rules];
  if (css) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    sheets.unshift(sheet);
  }
  // Pages that set their own sheets would drop ours, and shadow roots have sheets of their own: css
  // is for the document's, hide and remove are for both. What follows is called among the page's
  // scripts, which may have changed any function by then: it calls none but those that it knows
  // from the beginning.
  const { apply } = Reflect;
  const getter = (of, name) => Object.getOwnPropertyDescriptor(of.prototype, name).get;
  const mine = node => node === document ? sheets : [rules];
  for (const of of [Document, ShadowRoot]) {
    const adopted = Object.getOwnPropertyDescriptor(of.prototype, "adoptedStyleSheets");
    Object.defineProperty(of.prototype, "adoptedStyleSheets", {
      ...adopted,
      set(list) {
        apply(adopted.set, this, [list]);
        if (this !== document && !dressed(this)) return;
        const now = apply(adopted.get, this, []), last = mine(this);
        let n = 0;
        for (let i = 0; i < now.length; i++) if (now[i] !== sheets[0] && now[i] !== sheets[1]) now[n++] = now[i];
        for (let i = 0; i < last.length; i++) now[n++] = last[i];
        now.length = n;
      },
    });
  }
  const known = new WeakSet(), { has, add: keep } = WeakSet.prototype;
  const dressed = root => apply(has, known, [root]);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets];
  if (!rules.cssRules.length) return;

  const sheetsOf = Object.getOwnPropertyDescriptor(ShadowRoot.prototype, "adoptedStyleSheets");
  const rootOf = getter(Element, "shadowRoot"), documentOf = getter(Node, "ownerDocument");
  const { querySelectorAll } = Element.prototype, inRoot = DocumentFragment.prototype.querySelectorAll;
  const inDocument = Document.prototype.querySelectorAll, { observe } = MutationObserver.prototype;
  const [target, added, type] = [getter(MutationRecord, "target"), getter(MutationRecord, "addedNodes"), getter(Node, "nodeType")];

  // dress gives the open shadow root of an element, if there is one, our rules, and looks for
  // others in it.
  const dress = el => {
    const root = apply(rootOf, el, []);
    // A root of another document takes no sheet of this one. One that moves here has lost those
    // that it had.
    if (!root || apply(documentOf, root, []) !== document) return;
    const there = apply(sheetsOf.get, root, []);
    for (let i = 0; i < there.length; i++) if (there[i] === rules) return;
    apply(keep, known, [root]);
    apply(sheetsOf.set, root, [apply(sheetsOf.get, root, [])]);
    apply(observe, observer, [root, { childList: true, subtree: true }]);
    search(apply(inRoot, root, ["*"]));
  };
  const search = list => { for (let i = 0; i < list.length; i++) dress(list[i]) };
  // Roots come with what is put into the page (its HTML may declare them), or when a script
  // attaches them.
  const observer = new MutationObserver(records => {
    for (let i = 0; i < records.length; i++) {
      const around = apply(target, records[i], []), nodes = apply(added, records[i], []);
      if (apply(type, around, []) === 1) dress(around);
      for (let j = 0; j < nodes.length; j++) {
        if (apply(type, nodes[j], []) !== 1) continue;
        dress(nodes[j]);
        search(apply(querySelectorAll, nodes[j], ["*"]));
      }
    }
  });
  apply(observe, observer, [document, { childList: true, subtree: true }]);
  for (const event of ["DOMContentLoaded", "load"]) addEventListener(event, () => search(apply(inDocument, document, ["*"])), true);
  Element.prototype.attachShadow = new Proxy(Element.prototype.attachShadow, {
    apply(attach, el, args) {
      const root = apply(attach, el, args);
      dress(el);
      return root;
    },
  });
}
