// The launcher: a button on the shop's page that opens the chat in a frame of our own origin.
// Knows the page it stands on and the frame's few messages; no conversation, no token.
// Use: Deskhand("boot", {...}); calls made before this file has loaded wait in Deskhand.q.
(() => {
  "use strict";
  const earlier = window.Deskhand;
  if (earlier && earlier.version) return;

  const home = new URL(document.currentScript.src).origin;
  const listeners = {
    ready: new Set(),
    opened: new Set(),
    closed: new Set(),
    message: new Set(),
    unread: new Set(),
  };
  const waiting = [];
  const SVG = "http://www.w3.org/2000/svg";
  let options = null;
  let host, root, button, badge, news, panel, frame;
  let isOpen = false;
  let frameReady = false;
  let unread = 0;

  const STYLE = `
    :host { all: initial; }
    .hidden { display: none !important; }
    button { position: fixed; bottom: 20px; right: 20px; width: 56px; height: 56px; padding: 0; border: 0;
      border-radius: 50%; background: var(--accent); color: var(--on-accent); cursor: pointer; z-index: 2147483000;
      box-shadow: 0 2px 6px rgb(0 20 20 / .18), 0 8px 24px rgb(0 20 20 / .2); transition: transform .16s ease; }
    .left button { right: auto; left: 20px; }
    button:hover { transform: translateY(-2px); }
    button:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; box-shadow: 0 0 0 3px #fff; }
    svg { width: 26px; height: 26px; display: block; margin: auto; fill: none; stroke: currentColor;
      stroke-width: 1.8; stroke-linecap: round; stroke-linejoin: round; }
    [aria-expanded=true] .speech, [aria-expanded=false] .cross { display: none; }
    .badge { position: absolute; top: -3px; right: -3px; min-width: 20px; height: 20px; padding: 0 5px;
      box-sizing: border-box; border-radius: 10px; background: #b3261e; color: #fff; font: 600 12px/20px
      -apple-system, "Segoe UI", Roboto, "Noto Sans", Arial, sans-serif; text-align: center; }
    .news { position: fixed; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
    .panel { position: fixed; bottom: 92px; right: 20px; width: 384px; height: min(640px, calc(100vh - 116px));
      border-radius: 16px; overflow: hidden; background: Canvas; z-index: 2147483001;
      box-shadow: 0 4px 12px rgb(0 20 20 / .12), 0 16px 48px rgb(0 20 20 / .22);
      visibility: hidden; opacity: 0; transform: translateY(12px);
      transition: opacity .16s ease, transform .16s ease, visibility 0s .16s; }
    .left .panel { right: auto; left: 20px; }
    .open .panel { visibility: visible; opacity: 1; transform: none; transition-delay: 0s; }
    iframe { width: 100%; height: 100%; border: 0; display: block; }
    @media (max-width: 480px), (max-height: 420px) {
      .panel { inset: 0; width: auto; height: 100vh; height: 100dvh; border-radius: 0; }
      .open button { visibility: hidden; }
    }
    @media (prefers-reduced-motion: reduce) { button, .panel { transition: none; } }
    @media print { :host { display: none; } }
  `;

  const commands = {
    boot(given) {
      const first = !options;
      options = { ...(options || {}), ...(given || {}) };
      if (first) build();
      dress();
      tell("options", shownToFrame());
      if (!first) return;
      emit("ready", {});
      for (const call of waiting.splice(0)) run(call);
    },
    open() {
      if (isOpen) return;
      isOpen = true;
      if (!frame) createFrame(false);
      reflect();
      frame.focus();
      tell("shown");
      emit("opened", {});
    },
    close() {
      if (!isOpen) return;
      isOpen = false;
      reflect();
      tell("hidden");
      button.focus();
      emit("closed", {});
    },
    toggle() {
      (isOpen ? commands.close : commands.open)();
    },
    show() {
      button.classList.remove("hidden");
    },
    hide() {
      commands.close();
      button.classList.add("hidden");
    },
    // For the shop's sign-out: takes everything off the page and forgets the visitor on this browser.
    shutdown() {
      const old = { host };
      isOpen = false;
      root.className = "";
      button.remove();
      if (frame) tell("forget");
      else createFrame(true);
      old.frame = frame;
      const remove = () => old.host.remove();
      setTimeout(remove, 5000);
      addEventListener("message", (event) => {
        if (comesFrom(event, old.frame) && event.data.type === "forgotten") remove();
      });
      options = frame = null;
      frameReady = false;
      unread = 0;
    },
  };

  function build() {
    host = document.createElement("deskhand-widget");
    const shadow = host.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    shadow.adoptedStyleSheets = [sheet];
    root = shadow.appendChild(document.createElement("div"));
    button = root.appendChild(document.createElement("button"));
    button.type = "button";
    button.append(
      drawing(
        "speech",
        "M4 6.5A2.5 2.5 0 0 1 6.5 4h11A2.5 2.5 0 0 1 20 6.5v7a2.5 2.5 0 0 1-2.5 2.5H11l-4.5 4v-4A2.5 2.5 0 0 1 4 13.5zM8 8.6h8M8 11.6h5",
      ),
      drawing("cross", "M6.5 6.5l11 11M17.5 6.5l-11 11"),
    );
    badge = button.appendChild(document.createElement("span"));
    badge.setAttribute("aria-hidden", "true");
    news = root.appendChild(document.createElement("div"));
    news.className = "news";
    news.setAttribute("role", "status");
    panel = root.appendChild(document.createElement("div"));
    panel.className = "panel";
    button.addEventListener("click", commands.toggle);
    if (options.hidden) button.classList.add("hidden");
    document.body.appendChild(host);
  }

  function drawing(name, path) {
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("class", name);
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    svg.appendChild(document.createElementNS(SVG, "path")).setAttribute("d", path);
    return svg;
  }

  function dress() {
    const accent = /^#[0-9a-f]{6}$/i.test(options.accent || "") ? options.accent : "#0f6466";
    const [r, g, b] = [1, 3, 5].map((at) => parseInt(accent.slice(at, at + 2), 16));
    host.style.setProperty("--accent", accent);
    host.style.setProperty("--on-accent", r * 0.299 + g * 0.587 + b * 0.114 > 150 ? "#10201f" : "#ffffff");
    reflect();
  }

  function reflect() {
    root.className = `${options.position === "left" ? "left" : ""} ${isOpen ? "open" : ""}`;
    button.setAttribute("aria-expanded", String(isOpen));
    const more = unread ? `, ${unread} unread ${unread === 1 ? "message" : "messages"}` : "";
    button.setAttribute("aria-label", (isOpen ? "Close chat" : options.label || "Chat with us") + more);
    badge.className = unread && !isOpen ? "badge" : "hidden";
    badge.textContent = unread > 9 ? "9+" : String(unread);
  }

  function createFrame(forget) {
    frame = document.createElement("iframe");
    frame.title = options.label || "Chat with us";
    frame.src = `${home}/widget/frame.html?host=${encodeURIComponent(location.origin)}${forget ? "&forget=1" : ""}`;
    panel.appendChild(frame);
  }

  function shownToFrame() {
    const { name, greeting, accent, theme, locale } = options;
    return { options: { name, greeting, accent, theme, locale }, page: location.origin + location.pathname };
  }

  function tell(type, more) {
    if (frame && frameReady) frame.contentWindow.postMessage({ deskhand: 1, type, ...more }, home);
  }

  function comesFrom(event, which) {
    return (
      which &&
      event.origin === home &&
      event.source === which.contentWindow &&
      event.data &&
      event.data.deskhand === 1
    );
  }

  addEventListener("message", (event) => {
    if (!options || !comesFrom(event, frame)) return;
    const { type, count, message } = event.data;
    if (type === "ready") {
      frameReady = true;
      tell("options", shownToFrame());
      tell(isOpen ? "shown" : "hidden");
    } else if (type === "close") {
      commands.close();
    } else if (type === "unread" && Number.isInteger(count) && count !== unread) {
      if (count > unread && !isOpen) news.textContent = "New chat message";
      unread = count;
      reflect();
      emit("unread", { count });
    } else if (type === "message") {
      emit("message", message);
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !isOpen || event.defaultPrevented) return;
    if (event.target === host || event.target === document.body) commands.close();
  });

  function emit(name, detail) {
    window.dispatchEvent(new CustomEvent(`deskhand:${name}`, { detail }));
    for (const listener of [...listeners[name]]) {
      try {
        listener(detail);
      } catch (error) {
        console.error(error);
      }
    }
  }

  function run([name, first, second]) {
    if (name === "on" || name === "off") {
      if (!listeners[first]) console.warn(`Deskhand: there is no event "${first}"`);
      else listeners[first][name === "on" ? "add" : "delete"](second);
    } else if (!Object.hasOwn(commands, name)) {
      console.warn(`Deskhand: there is no command "${name}"`);
    } else if (name !== "boot" && !options) {
      if (name !== "shutdown") waiting.push([name, first]);
    } else if (!document.body) {
      document.addEventListener("DOMContentLoaded", () => run([name, first, second]), { once: true });
    } else {
      commands[name](first);
    }
  }

  window.Deskhand = (...call) => run(call);
  window.Deskhand.version = 1;
  for (const call of (earlier && earlier.q) || []) run([...call]);
})();
