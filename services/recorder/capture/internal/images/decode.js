// Chrome decodes images for scripts on threads of its own, in real time. name is that of a function
// that reports to the recorder when a decode begins and ends. Pages must not see it.
(name) => {
  const tell = globalThis[name];
  delete globalThis[name];
  // instead replaces a function. It looks as it did: its name, length and text, and what it
  // refuses.
  const instead = (object, name, apply) => {
    const { value, ...rest } = Object.getOwnPropertyDescriptor(object, name);
    Object.defineProperty(object, name, { ...rest, value: new Proxy(value, { apply }) });
  };

  // decode() resolves only when some frames were drawn. Recorded frames wait for the images that
  // they show in any case, so it resolves with the next frame once the image is loaded. It rejects
  // for an image that cannot be shown, as ever.
  const frame = requestAnimationFrame, listen = EventTarget.prototype.addEventListener;
  instead(HTMLImageElement.prototype, 'decode', (decode, image, args) => {
    const loaded = new Promise((done) => {
      if (image.complete && image.naturalWidth) frame(() => done());
      else listen.call(image, 'load', () => frame(() => done()), { once: true });
    });
    return Promise.race([Reflect.apply(decode, image, args), loaded]);
  });

  // What createImageBitmap makes is waited for. A rejection that nobody handles is reported to the
  // page, as ever.
  const { then } = Promise.prototype;
  instead(globalThis, 'createImageBitmap', (make, self, args) => {
    const made = Reflect.apply(make, self, args);
    if (!made) return made; // in a window that is gone
    tell?.('+');
    return then.call(made, (bitmap) => { tell?.('-'); return bitmap; }, (error) => { tell?.('-'); throw error; });
  });
}
