// What the dashboard does beyond links and forms. All works without it but live updates.
(() => {
  "use strict";
  const root = document.documentElement;
  root.classList.add("js");
  const find = (selector, within = document) => within.querySelector(selector);
  const base = document.body.dataset.base;

  // The browser may refuse to store: then a choice lasts as long as the page.
  const memory = {};
  const stored = {
    get(key) { try { return localStorage.getItem(key); } catch { return memory[key] ?? null; } },
    set(key, value) { try { localStorage.setItem(key, value); } catch { memory[key] = value; } },
  };
  const setCookie = (name, value) => {
    const secure = location.protocol === "https:" ? "; secure" : "";
    document.cookie = `${name}=${encodeURIComponent(value)}; path=${base}; max-age=31536000; samesite=lax${secure}`;
  };

  // Times are shown in the viewer's zone, which the server learns from a cookie.
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  const cookies = `; ${document.cookie}`;
  const zoneIsNew = !cookies.includes(`; loom_zone=${encodeURIComponent(zone)}`);
  if (zoneIsNew) setCookie("loom_zone", zone);

  // Where the pages are beside one another, the one that is open is in sight.
  const open = find(".side [aria-current]");
  if (open) open.parentElement.scrollLeft = open.offsetLeft - (open.parentElement.clientWidth - open.offsetWidth) / 2;

  // Colours.
  const theme = () => root.dataset.theme || "";
  const markTheme = () => {
    for (const button of document.querySelectorAll("[data-theme-is]")) {
      button.setAttribute("aria-pressed", String(button.dataset.themeIs === theme()));
    }
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-theme-is]");
    if (!button) return;
    if (button.dataset.themeIs) root.dataset.theme = button.dataset.themeIs;
    else delete root.dataset.theme;
    setCookie("loom_theme", theme());
    markTheme();
  });
  markTheme();

  // Live updates. A pause holds until it is ended: also when the page is left, gets the focus, or
  // connects again.
  const news = find("#news");
  const live = find("#live");
  const top = find(".top");
  const pause = find("#pause");
  const paused = () => stored.get("loom.paused") === "1";
  const refresh = () => news && window.htmx && htmx.trigger(news, "changed");
  const showPause = () => {
    if (!pause) return;
    top.classList.toggle("paused", paused());
    pause.setAttribute("aria-pressed", String(paused()));
    find("[data-text]", pause).textContent = paused() ? "Paused" : top.classList.contains("lost") ? "Offline" : "Live";
    pause.title = paused() ? "Resume live updates (p)" : "Pause live updates (p)";
  };
  const togglePause = () => {
    if (!pause) return;
    stored.set("loom.paused", paused() ? "" : "1");
    showPause();
    if (!paused()) {
      refresh();
      htmx.trigger(news, "connect");
    }
  };
  const setLost = (lost) => {
    top?.classList.toggle("lost", lost);
    showPause();
  };
  if (news) {
    pause.addEventListener("click", togglePause);
    window.addEventListener("storage", showPause);
    news.addEventListener("htmx:sse:before:message", (event) => { if (paused()) event.preventDefault(); });
    news.addEventListener("htmx:sse:before:connection", (event) => { if (paused()) event.preventDefault(); });
    news.addEventListener("htmx:sse:after:connection", () => setLost(false));
    news.addEventListener("htmx:sse:error", () => setLost(true));
    live.addEventListener("htmx:before:request", (event) => { if (paused() && event.target === live) event.preventDefault(); });
    live.addEventListener("htmx:after:request", (event) => {
      const status = event.detail?.ctx?.response?.status ?? event.detail?.ctx?.response?.raw?.status;
      if (status === 401) location.reload();
      else setLost(!(status >= 200 && status < 300));
    });
    live.addEventListener("htmx:error", () => setLost(true));
    if (zoneIsNew) document.addEventListener("DOMContentLoaded", () => setTimeout(refresh));
  }
  showPause();

  // A form that somebody types in stays as it is until it is sent. While there is one, the page is
  // not loaded as a whole either.
  const typed = new WeakSet();
  const typing = () => [...document.forms].some((form) => live?.contains(form) && typed.has(form));
  for (const kind of ["input", "change"]) {
    document.addEventListener(kind, (event) => { if (event.target.form) typed.add(event.target.form); });
  }
  document.addEventListener("reset", (event) => typed.delete(event.target));
  live?.addEventListener("htmx:before:morph:node", (event) => {
    if (typed.has(event.detail.oldNode)) event.preventDefault();
  });
  live?.addEventListener("htmx:after:request", (event) => {
    const { hx } = event.detail.ctx;
    if (hx?.refresh && typing()) delete hx.refresh;
  });

  // What was said of the last action goes when the page goes on, after there was time to read it.
  const saidAt = Date.now();
  live?.addEventListener("htmx:after:swap", () => {
    if (Date.now() - saidAt > 6000) find("[data-notice]")?.remove();
  });

  // Pictures of scenes while they are recorded. They are asked for while the page is seen, and
  // updates are not paused: recorders send none that nobody asks for.
  const watched = new WeakSet();
  const look = async (scene) => {
    while (scene.isConnected && scene.dataset.picture) {
      if (!document.hidden && !paused()) {
        const picture = new Image();
        picture.alt = "";
        picture.src = `${scene.dataset.picture}?at=${Date.now()}`;
        try {
          await picture.decode();
          const shot = find(".shot", scene);
          const before = find(":scope > img", shot);
          if (find("video", shot)) break;
          if (before) before.replaceWith(picture);
          else shot.prepend(picture);
        } catch { /* there is none now */ }
      }
      await new Promise((done) => setTimeout(done, 1500));
    }
    watched.delete(scene);
  };
  const lookAtAll = () => {
    for (const scene of document.querySelectorAll("[data-picture]")) {
      if (!watched.has(scene)) {
        watched.add(scene);
        look(scene);
      }
    }
  };
  setInterval(lookAtAll, 1000);
  lookAtAll();

  // Copying, also where the page came over plain http and has no clipboard.
  const copy = async (text) => {
    if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "unseen";
    area.setAttribute("readonly", "");
    document.body.append(area);
    area.focus();
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    if (!done) throw new Error("copy was refused");
  };
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const label = find("[data-text]", button) ?? button;
    const before = label.dataset.was ?? label.textContent;
    label.dataset.was = before;
    try {
      await copy(button.dataset.copy);
      label.textContent = "Copied";
    } catch {
      label.textContent = "Copy failed";
    }
    button.focus();
    setTimeout(() => { label.textContent = before; }, 1500);
  });

  // Menus close when something else is pressed.
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
    const opener = event.target.closest("[data-opens]");
    if (opener) document.getElementById(opener.dataset.opens)?.showModal();
  });

  // Boxes that choose all boxes.
  document.addEventListener("change", (event) => {
    const all = event.target.closest("[data-all]");
    if (!all) return;
    for (const box of document.querySelectorAll(`input[name="${all.dataset.all}"]`)) box.checked = all.checked;
  });

  // Forms that are sent when a choice changes. A text is sent by who types it.
  document.addEventListener("change", (event) => {
    if (event.target.matches("select") && event.target.form?.matches("[data-sends]")) event.target.form.requestSubmit();
  });
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-sends]")) return;
    // Fields that are empty stay out of the address.
    for (const field of event.target.elements) if (field.name && !field.value) field.disabled = true;
  });

  // Keys.
  const rows = () => [...document.querySelectorAll("[data-row]")];
  const step = (by) => {
    const all = rows();
    if (!all.length) return;
    const at = all.findIndex((row) => row.contains(document.activeElement));
    const next = at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1);
    const link = find("a.open", all[next]);
    link?.focus();
    all[next].scrollIntoView({ block: "nearest" });
  };
  let before = "";
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.key === "Escape") {
      for (const menu of document.querySelectorAll("details.menu[open]")) menu.open = false;
      if (document.activeElement?.id === "search") document.activeElement.blur();
      return;
    }
    if (event.target.closest("input, textarea, select, [contenteditable]") || find("dialog[open]")) return;
    const go = { o: "", r: "renders", s: "stages", d: "dead" };
    let known = true;
    if (before === "g" && event.key in go) location.assign(base + go[event.key]);
    else if (event.key === "/") find("#search")?.focus();
    else if (event.key === "j") step(1);
    else if (event.key === "k") step(-1);
    else if (event.key === "p") togglePause();
    else if (event.key === "n") find(".top .button.main")?.click();
    else if (event.key === "?") find("#help")?.showModal();
    else known = event.key === "g";
    before = event.key === "g" ? "g" : "";
    if (known) event.preventDefault();
  });
})();
