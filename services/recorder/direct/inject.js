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
  // Pages that set their own sheets would drop ours.
  const adopted = Object.getOwnPropertyDescriptor(Document.prototype, "adoptedStyleSheets");
  Object.defineProperty(Document.prototype, "adoptedStyleSheets", {
    ...adopted,
    set(list) {
      adopted.set.call(this, this === document ? [...[...list].filter(sheet => !sheets.includes(sheet)), ...sheets] : list);
    },
  });
  document.adoptedStyleSheets = [...document.adoptedStyleSheets];
}
