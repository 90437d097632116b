// Registering a service worker takes the browser a while, and nothing tells that it has begun. name is a function that tells the recorder
// when it begins and ends, which nobody else is to see.
(name) => {
  const tell = globalThis[name];
  delete globalThis[name];
  const container = globalThis.ServiceWorkerContainer?.prototype;
  if (!container || !tell) return;
  const { value: register, ...rest } = Object.getOwnPropertyDescriptor(container, 'register'), { then } = Promise.prototype;
  // It looks as it did, and what nobody catches of it is told to the page, as ever.
  const apply = (register, self, args) => {
    const registered = Reflect.apply(register, self, args);
    if (!registered) return registered; // in a window that is gone
    tell('+');
    return then.call(registered, (found) => { tell('-'); return found; }, (error) => { tell('-'); throw error; });
  };
  Object.defineProperty(container, 'register', { ...rest, value: new Proxy(register, { apply }) });
}
