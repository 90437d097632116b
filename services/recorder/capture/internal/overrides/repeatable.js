// Makes random numbers and clocks the same in every run. The seed of Math.random is a flag of
// Chrome's. behind is by how many milliseconds the page's calendar is behind the real one.
(behind => {
  const define = (object, name, value) => Object.defineProperty(object, name, { value, configurable: true, writable: true });

  // crypto: splitmix32 with a fixed seed. No page that is recorded needs secrets of its own.
  let state = 0x10072026;
  const byte = () => {
    state = (state + 0x9e3779b9) | 0;
    let t = state ^ (state >>> 16);
    t = Math.imul(t, 0x21f0aaad);
    t ^= t >>> 15;
    t = Math.imul(t, 0x735a2d97);
    return (t ^ (t >>> 15)) & 0xff;
  };
  const getRandomValues = Crypto.prototype.getRandomValues;
  define(Crypto.prototype, 'getRandomValues', function (array) {
    getRandomValues.call(this, array); // throws where it throws
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    for (let i = 0; i < bytes.length; i++) bytes[i] = byte();
    return array;
  });
  if (Crypto.prototype.randomUUID) {
    define(Crypto.prototype, 'randomUUID', function () {
      const hex = Array.from(this.getRandomValues(new Uint8Array(16)), (b, i) =>
        (i === 6 ? (b & 0x0f) | 0x40 : i === 8 ? (b & 0x3f) | 0x80 : b).toString(16).padStart(2, '0')).join('');
      return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
    });
  }

  // Clocks: their last digits depend on how long the machine had been up.
  const tidy = (time) => Math.round(time * 10) / 10;
  const now = Performance.prototype.now;
  define(Performance.prototype, 'now', function () { return tidy(now.call(this)); });
  const origin = Math.floor(performance.timeOrigin);
  Object.defineProperty(Performance.prototype, 'timeOrigin', { get: () => origin, configurable: true });
  const frame = window.requestAnimationFrame;
  define(window, 'requestAnimationFrame', (callback) =>
    frame.call(window, typeof callback === 'function' ? (time) => callback(tidy(time)) : callback));

  // Cookies: Chrome keeps them by the real calendar, so a date that the page has computed is moved
  // there. A Max-Age needs no calendar.
  const Calendar = Date, attribute = /;\s*expires\s*=([^;]*)/i, last = Date.UTC(9999, 11, 31);
  const moved = (text) => {
    const date = Calendar.parse(attribute.exec(text)?.[1]);
    if (!(date > 0)) return text; // there is none, or it deletes the cookie
    return text.replace(attribute, `; expires=${new Calendar(Math.min(date + behind, last)).toUTCString()}`);
  };
  // Both look as they did before.
  const cookies = Object.getOwnPropertyDescriptor(Document.prototype, 'cookie');
  Object.defineProperty(Document.prototype, 'cookie', {
    ...cookies, set: new Proxy(cookies.set, { apply: (set, document, [text]) => Reflect.apply(set, document, [moved(`${text}`)]) }),
  });
  if (window.CookieStore) { // in secure contexts
    define(CookieStore.prototype, 'set', new Proxy(CookieStore.prototype.set, {
      apply(set, store, [cookie, ...rest]) {
        // It takes a Date for a number, too.
        if (cookie?.expires != null) cookie = Object.create(cookie, { expires: { value: Number(cookie.expires) + behind } });
        return Reflect.apply(set, store, [cookie, ...rest]);
      },
    }));
  }
})
