// A desynchronized canvas bypasses the compositor to be seen sooner: frames would miss some of its
// pictures. Browsers may ignore the attribute.
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
