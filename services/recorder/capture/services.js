// Registering a service worker takes the browser a while, and nothing tells that it has begun. name is a function that tells the recorder
// when it begins and ends, which nobody else is to see.
(name) => {
  const tell = globalThis[name];
  delete globalThis[name];
  const container = globalThis.ServiceWorkerContainer?.prototype;
  if (!container || !tell) return;
  const { register } = container;
  const value = function (...args) {
    const registered = register.apply(this, args);
    tell('+');
    registered.finally(() => tell('-')).catch(() => {});
    return registered;
  };
  Object.defineProperty(container, 'register', { value, configurable: true, enumerable: true, writable: true });
}
