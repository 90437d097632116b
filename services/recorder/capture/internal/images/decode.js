// Pictures that scripts have decoded are decoded by threads of Chrome's own, in real time. name is a function that tells the recorder
// when that begins and ends, which nobody else is to see.
(name) => {
  const tell = globalThis[name];
  delete globalThis[name];
  // instead has a function done otherwise. It looks as it did: name, length, text and whom it refuses.
  const instead = (object, name, apply) => {
    const { value, ...rest } = Object.getOwnPropertyDescriptor(object, name);
    Object.defineProperty(object, name, { ...rest, value: new Proxy(value, { apply }) });
  };

  // decode() ends when some frames have told that it did. Frames that are recorded wait for the pictures that they show in any case, so
  // it ends with the next one, once the picture is loaded. One that cannot be shown is refused as ever.
  const frame = requestAnimationFrame, listen = EventTarget.prototype.addEventListener;
  instead(HTMLImageElement.prototype, 'decode', (decode, image, args) => {
    const loaded = new Promise((done) => {
      if (image.complete && image.naturalWidth) frame(() => done());
      else listen.call(image, 'load', () => frame(() => done()), { once: true });
    });
    return Promise.race([Reflect.apply(decode, image, args), loaded]);
  });

  // What createImageBitmap makes is waited for. What nobody catches of it is told to the page, as ever.
  const { then } = Promise.prototype;
  instead(globalThis, 'createImageBitmap', (make, self, args) => {
    const made = Reflect.apply(make, self, args);
    if (!made) return made; // in a window that is gone
    tell?.('+');
    return then.call(made, (bitmap) => { tell?.('-'); return bitmap; }, (error) => { tell?.('-'); throw error; });
  });
}
