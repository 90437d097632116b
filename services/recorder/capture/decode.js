// Pictures that scripts have decoded are decoded by threads of Chrome's own, in real time. name is a function that tells the recorder
// when that begins and ends, which nobody else is to see.
(name) => {
  const tell = globalThis[name];
  delete globalThis[name];
  const define = (object, name, value) => Object.defineProperty(object, name, { value, configurable: true, enumerable: true, writable: true });

  // decode() ends when some frames have told that it did. Frames that are recorded wait for the pictures that they show in any case, so
  // it ends with the next one, once the picture is loaded. One that cannot be shown is refused as ever.
  const { decode } = HTMLImageElement.prototype, frame = requestAnimationFrame, listen = EventTarget.prototype.addEventListener;
  define(HTMLImageElement.prototype, 'decode', function () {
    const loaded = new Promise((done) => {
      if (this.complete && this.naturalWidth) frame(() => done());
      else listen.call(this, 'load', () => frame(() => done()), { once: true });
    });
    return Promise.race([decode.call(this), loaded]);
  });

  // What createImageBitmap makes is waited for.
  const make = createImageBitmap;
  define(globalThis, 'createImageBitmap', function (...args) {
    const made = make.apply(this, args);
    tell?.('+');
    made.finally(() => tell?.('-')).catch(() => {});
    return made;
  });
}
