// Registering a service worker takes the browser a while, and no event reports its beginning. name
// is that of a function that reports to the recorder when it begins and ends. Pages must not see
// it.
(name) => {
  const tell = globalThis[name];
  delete globalThis[name];
  const container = globalThis.ServiceWorkerContainer?.prototype;
  if (!container || !tell) return;
  const { value: register, ...rest } = Object.getOwnPropertyDescriptor(container, 'register'), { then } = Promise.prototype;
  // It looks as it did, and a rejection that nobody handles is reported to the page, as ever.
  const apply = (register, self, args) => {
    const registered = Reflect.apply(register, self, args);
    if (!registered) return registered; // in a window that is gone
    tell('+');
    return then.call(registered, (found) => { tell('-'); return found; }, (error) => { tell('-'); throw error; });
  };
  Object.defineProperty(container, 'register', { ...rest, value: new Proxy(register, { apply }) });
}
