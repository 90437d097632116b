// A canvas that asks for it (desynchronized) reaches the screen past the page's own pictures, to be seen sooner: some of its
// pictures would be missed. Asking is allowed to be in vain.
(() => {
  const plain = (attributes) =>
    attributes && attributes.desynchronized ? Object.assign(Object.create(attributes), { desynchronized: false }) : attributes;
  for (const canvas of [HTMLCanvasElement, globalThis.OffscreenCanvas]) {
    if (!canvas) continue;
    const getContext = canvas.prototype.getContext;
    Object.defineProperty(canvas.prototype, 'getContext', {
      value: function (type, attributes) { return getContext.call(this, type, plain(attributes)); },
      configurable: true, enumerable: true, writable: true,
    });
  }
})();
