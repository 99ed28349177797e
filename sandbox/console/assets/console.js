// Keeps an open page up to date without flicker: asks for the changing part, and changes only what differs.
// Without it everything still works; one reloads by hand.
"use strict";

(() => {
  const page = document.getElementById("page");
  const banner = document.getElementById("connection");
  const REFRESH = { "X-Console-Refresh": "1" };
  let tag = null;
  let timer = null;
  let busy = false;

  // Times: the reader's own zone; what runs counts on.

  const clock = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

  function words(ms) {
    const s = Math.max(ms, 0) / 1000;
    if (s < 10) return `${s.toFixed(1)} s`;
    const whole = Math.round(s);
    if (whole < 60) return `${whole} s`;
    const minutes = Math.floor(whole / 60);
    if (minutes < 60) return whole % 60 ? `${minutes} min ${whole % 60} s` : `${minutes} min`;
    const hours = Math.floor(minutes / 60);
    if (hours < 24) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
    return hours % 24 ? `${Math.floor(hours / 24)} d ${hours % 24} h` : `${hours / 24} d`;
  }

  function localise(root) {
    for (const time of root.querySelectorAll("time[datetime]")) {
      const at = new Date(time.dateTime);
      if (!Number.isNaN(at.getTime())) {
        time.title = time.dateTime;
        time.textContent = clock.format(at);
      }
    }
    tick(root);
  }

  function tick(root) {
    for (const each of root.querySelectorAll("[data-since]")) {
      const text = words(Date.now() - Date.parse(each.dataset.since));
      if (each.textContent !== text) each.textContent = text;
    }
  }

  // Turning what is there into what should be there.

  function role(node) {
    return (node.getAttribute("class") || "").split(" ", 1)[0];
  }

  function same(a, b) {
    if (a.nodeType !== b.nodeType || a.nodeName !== b.nodeName) return false;
    return a.nodeType !== Node.ELEMENT_NODE || (a.id === b.id && role(a) === role(b));
  }

  function morph(from, to) {
    if (from.nodeType !== Node.ELEMENT_NODE) {
      if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue;
      return;
    }
    const keep = from.getAttribute("data-keep");
    if (keep !== null && keep === to.getAttribute("data-keep")) {
      from.toggleAttribute("data-follow", to.hasAttribute("data-follow"));
      return;
    }
    if (from.isEqualNode(to)) return;
    for (const { name } of [...from.attributes]) {
      if (!to.hasAttribute(name) && !(name === "open" && from.nodeName === "DETAILS")) from.removeAttribute(name);
    }
    for (const { name, value } of to.attributes) {
      if (name === "open" && from.nodeName === "DETAILS") continue;
      if (from.getAttribute(name) !== value) from.setAttribute(name, value);
    }
    if (from.matches("input, textarea, select")) return;
    children(from, to);
  }

  function children(from, to) {
    let at = from.firstChild;
    for (const next of [...to.childNodes]) {
      let found = at;
      const isElement = next.nodeType === Node.ELEMENT_NODE;
      if (isElement) while (found && !same(found, next)) found = found.nextSibling;
      if (found && same(found, next)) {
        while (at !== found) at = drop(at);
        at = found.nextSibling;
        morph(found, next);
      } else {
        from.insertBefore(document.importNode(next, true), at);
      }
    }
    while (at) at = drop(at);
  }

  function drop(node) {
    const next = node.nextSibling;
    node.remove();
    return next;
  }

  // Asking for news.

  function delay() {
    const live = page.querySelector("[data-refresh]");
    return live ? Number(live.dataset.refresh) * 1000 : 0;
  }

  function schedule(ms) {
    clearTimeout(timer);
    if (ms > 0) timer = setTimeout(() => refresh(location.href), ms);
  }

  async function refresh(url, { jump = false } = {}) {
    if (busy && !jump) return schedule(200);
    if (document.hidden && !jump) return schedule(2000);
    busy = true;
    try {
      const headers = { ...REFRESH };
      if (tag && !jump) headers["If-None-Match"] = tag;
      const answer = await fetch(url, { headers, cache: "no-store" });
      if (!jump && url !== location.href) return;
      if (answer.ok) show(await answer.text(), answer.headers.get("etag"));
      else if (answer.status !== 304 && jump) return location.assign(url);
      banner.hidden = answer.status < 500;
      schedule(answer.status < 500 ? delay() : 3000);
    } catch {
      banner.hidden = false;
      schedule(3000);
    } finally {
      busy = false;
    }
  }

  function show(html, etag) {
    tag = etag;
    const fresh = document.createElement("main");
    fresh.innerHTML = html;
    localise(fresh);
    children(page, fresh);
    follow();
  }

  // Links within the page change only what differs; the address goes along.

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-soft]");
    if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    const url = new URL(link.getAttribute("href"), location.href).href;
    history.pushState(null, "", url);
    const had = page.querySelector("#panel") !== null;
    refresh(url, { jump: true }).then(() => {
      const panel = page.querySelector("#panel");
      if (panel && !had && matchMedia("(max-width: 1100px)").matches) panel.scrollIntoView({ block: "start" });
    });
  });

  addEventListener("popstate", () => refresh(location.href, { jump: true }));

  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const menu = document.querySelector("details.menu[open]");
    if (menu) {
      menu.open = false;
      menu.querySelector("summary").focus();
      return;
    }
    const close = page.querySelector("a.close");
    if (close) close.click();
  });

  // A log grows at its end. It is scrolled along as long as the reader is at its end.

  let following = null;

  function follow() {
    const log = page.querySelector("pre[data-log]");
    if (!log || log === following) return;
    following = log;
    log.scrollTop = log.scrollHeight;
    if (log.hasAttribute("data-follow")) grow(log);
  }

  async function grow(log) {
    const decoder = new TextDecoder();
    const limit = 4 * 1024 * 1024;
    let last = false;
    while (log.isConnected && log === following) {
      const ended = !log.hasAttribute("data-follow");
      try {
        const answer = await fetch(`${log.dataset.log}?offset=${log.dataset.end}`, { cache: "no-store" });
        if (answer.ok) {
          const bytes = await answer.arrayBuffer();
          append(log, decoder.decode(bytes, { stream: true }), limit);
          log.dataset.end = answer.headers.get("x-log-end");
          last = ended && bytes.byteLength === 0;
        } else {
          last = ended;
        }
      } catch {
        last = false;
      }
      if (last) return;
      await new Promise((resolve) => setTimeout(resolve, 700));
    }
  }

  function append(log, text, limit) {
    if (!text) return;
    const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
    log.append(text);
    log.normalize();
    if (log.textContent.length > limit) log.textContent = log.textContent.slice(-limit / 2);
    if (atEnd) log.scrollTop = log.scrollHeight;
  }

  localise(document);
  follow();
  setInterval(() => tick(document), 500);
  schedule(delay());
})();
