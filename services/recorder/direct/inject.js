// Gives a document the stylesheets that hide, remove and css are. Constructed sheets are no part of the document's tree: a
// page that draws itself anew keeps them, and no content security policy refuses them.
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
  // Pages that set their own sheets would drop ours. This is called among the page's scripts, which may have changed any
  // function by then: it calls none but those that it knows from the beginning.
  const { apply } = Reflect;
  const adopted = Object.getOwnPropertyDescriptor(Document.prototype, "adoptedStyleSheets");
  Object.defineProperty(Document.prototype, "adoptedStyleSheets", {
    ...adopted,
    set(list) {
      apply(adopted.set, this, [list]);
      if (this !== document) return;
      const now = apply(adopted.get, this, []);
      let n = 0;
      for (let i = 0; i < now.length; i++) if (now[i] !== sheets[0] && now[i] !== sheets[1]) now[n++] = now[i];
      for (let i = 0; i < sheets.length; i++) now[n++] = sheets[i];
      now.length = n;
    },
  });
  document.adoptedStyleSheets = [...document.adoptedStyleSheets];
}
