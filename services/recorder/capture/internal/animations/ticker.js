// Where Chrome draws frames when it sees fit, animations and animation frames follow the wall
// clock. The function at Symbol.for("loom.tick") moves them to the page's time; the recorder calls
// it once for each frame. The document's timeline stands still (Animation.setPlaybackRate 0).
(() => {
  const now = performance.now.bind(performance);
  const seen = new WeakSet();
  let queue = new Map(), running = new Map(), last = 0, id = 0;

  window.requestAnimationFrame = (callback) => {
    if (typeof callback !== "function") throw new TypeError("requestAnimationFrame: the callback is no function");
    queue.set(++id, callback);
    return id;
  };
  window.cancelAnimationFrame = (which) => {
    queue.delete(which);
    running.delete(which);
  };
  // Each outermost SVG element has a clock for its own animations.
  const drawings = () => [...document.querySelectorAll("svg")].filter((s) => s.ownerSVGElement === null && s.getCurrentTime);
  const ours = () => document.getAnimations().filter((a) => a.timeline === document.timeline);

  const tick = () => {
    const time = now(), passed = time - last;
    last = time;
    for (const a of ours()) {
      // A new animation is shown at its beginning first.
      if (seen.has(a) && a.playState === "running") a.currentTime += passed * a.playbackRate;
    }
    for (const s of drawings()) {
      if (seen.has(s) && !s.animationsPaused()) s.setCurrentTime(s.getCurrentTime() + passed / 1000);
    }
    running = queue;
    queue = new Map();
    for (const [which, callback] of running) {
      running.delete(which);
      try { callback(time); } catch (error) { reportError(error); }
    }
    for (const one of [...ours(), ...drawings()]) seen.add(one);
  };
  Object.defineProperty(window, Symbol.for("loom.tick"), { value: tick });
})();
