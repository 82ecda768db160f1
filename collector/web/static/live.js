// Keeps the open page true. Without this script every page still works; it is then as old as its last load.
//
//   listen({ site, topics, digest }, { report, verdict, incident, status, DIGEST, stale })
//     One stream a page, whoever listens: `site` its events only, `topics` some of them, `digest` a summary of all
//     events once a second instead of each. Handlers get what an event says, and of a digest the mark of a page that
//     knows as much. The stream begins where the page ends. `stale()` is called when events may have been missed:
//     after a lost connection, after a sleep in the background or in the history, or when there were too many.
//   refresh()
//     Asks for this page again soon and exchanges its `main`, but never under somebody's fingers; the window hears
//     "fresh" then. A page with data-live="page" does so whenever something happens (to its data-site, of its
//     data-topics), unless its own module listens; data-live="clock" does so every data-every seconds.
const TOPICS = ["report", "verdict", "incident", "status"];
const SLEEP_MS = 20000; // a browser has six connections to a server, and a page in the background needs none
const AGAIN_MS = 30000;
const main = document.getElementById("main");
const lamp = document.getElementById("live");
const listeners = [];
let automatic = null;
let source = null;
let lost = false;
let sleep = 0;
let planned = 0;
let mark = main.dataset.mark;

const show = (on) => {
  if (lamp.classList.contains(on ? "on" : "off")) return;
  lamp.textContent = on ? lamp.dataset.on : lamp.dataset.off;
  lamp.className = on ? "live on" : "live off";
};

const stale = () => listeners.forEach(({ handlers }) => handlers.stale?.());

const tell = (name) => (event) => {
  const said = JSON.parse(event.data);
  for (const { wish, handlers } of listeners)
    if (wish.digest === name || (TOPICS.includes(name) && wish.topics.includes(name) && (!wish.site || wish.site === said.site))) handlers[name]?.(said, Number(event.lastEventId));
};

const address = () => {
  const asked = new URLSearchParams();
  const sites = new Set(listeners.map(({ wish }) => wish.site ?? ""));
  const topics = TOPICS.filter((topic) => listeners.some(({ wish }) => wish.topics.includes(topic)));
  const digest = listeners.find(({ wish }) => wish.digest)?.wish.digest;
  if (sites.size === 1 && !sites.has("")) asked.set("site", [...sites][0]);
  if (topics.length < TOPICS.length) asked.set("topics", topics);
  if (digest) asked.set("digest", digest);
  if (mark && !lost) asked.set("since", mark);
  return `/api/v1/live?${asked}`;
};

const close = () => {
  source?.close();
  source = null;
};

const open = () => {
  clearTimeout(planned);
  planned = 0;
  close();
  source = new EventSource(address());
  source.onopen = () => {
    show(true);
    if (lost) stale();
    lost = false;
  };
  source.onerror = () => {
    lost = true;
    show(false);
    if (source?.readyState === EventSource.CLOSED) planned = setTimeout(open, AGAIN_MS); // refused: it would not ask again
  };
  source.addEventListener("lost", stale);
  const names = new Set(listeners.map(({ wish }) => wish.digest).filter(Boolean));
  for (const name of [...TOPICS, ...names]) source.addEventListener(name, tell(name));
};

export const listen = ({ site, topics = TOPICS, digest } = {}, handlers = {}) => {
  listeners.splice(0, listeners.length, ...listeners.filter((each) => each.handlers !== automatic));
  listeners.push({ wish: { site, topics, digest }, handlers });
  planned ||= setTimeout(open, 0); // all who listen on this page first
};

document.addEventListener("visibilitychange", () => {
  clearTimeout(sleep);
  if (!listeners.length) return;
  if (document.hidden) sleep = setTimeout(() => { close(); lost = true; }, SLEEP_MS);
  else if (!source) open();
});

// A page that waits in the history holds no connection, and is old when somebody comes back to it.
addEventListener("pagehide", close);
addEventListener("pageshow", ({ persisted }) => {
  if (!persisted || !listeners.length) return;
  lost = true;
  open();
});

// Pages that are asked for again as a whole.
let pause = 300; // one that costs much is asked for more seldom: a fleet of thousands has news all the time
let timer = 0;
let waiting = false;

const busy = () => {
  const focused = document.activeElement?.closest("main") ? document.activeElement : null;
  if (focused && /^(INPUT|SELECT|TEXTAREA)$/.test(focused.tagName)) return true; // somebody types
  if ([...main.querySelectorAll("input:not([type=checkbox], [type=radio]), textarea")].some((each) => each.value !== each.defaultValue)) return true; // has typed
  if (main.querySelector("details[open] form, dialog[open]")) return true; // has opened a form
  const chosen = getSelection();
  return Boolean(chosen && !chosen.isCollapsed && main.contains(chosen.anchorNode)); // or copies a number
};

const exchange = (fresh) => {
  const focused = main.contains(document.activeElement) ? document.activeElement : null;
  const same = focused && (focused.id ? `#${CSS.escape(focused.id)}` : focused.getAttribute("href") && `a[href="${CSS.escape(focused.getAttribute("href"))}"]`);
  const opened = new Set([...main.querySelectorAll("details[open] > summary")].map((each) => each.textContent));
  const places = [...main.querySelectorAll(".scroll")].map((each) => [each.scrollLeft, each.scrollTop]);
  main.replaceChildren(...fresh.getElementById("main").childNodes);
  main.querySelectorAll(".scroll").forEach((each, number) => places[number] && each.scrollTo(...places[number]));
  for (const each of main.querySelectorAll("details > summary")) if (opened.has(each.textContent)) each.parentElement.open = true;
  if (same) main.querySelector(same)?.focus({ preventScroll: true });
  const links = fresh.querySelector(".pages");
  const shown = document.querySelector(".pages");
  if (links && !shown.contains(document.activeElement)) shown.replaceChildren(...links.childNodes);
  dispatchEvent(new CustomEvent("fresh"));
};

const fetchPage = async () => {
  timer = 0;
  if (document.hidden || busy()) {
    waiting = true;
    return;
  }
  waiting = false;
  const asked = performance.now();
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  const text = await answer.text();
  pause = Math.min(30000, Math.max(300, 20 * (performance.now() - asked)));
  if (!answer.ok) return;
  if (busy()) waiting = true;
  else exchange(new DOMParser().parseFromString(text, "text/html"));
};

export const refresh = () => {
  timer ||= setTimeout(() => fetchPage().catch(() => {}), pause);
};

for (const moment of ["focusout", "toggle", "selectionchange", "visibilitychange"])
  document.addEventListener(moment, () => waiting && !busy() && refresh(), true);

const kind = main.dataset.live;
if (["page", "site", "list"].includes(kind)) {
  const handlers = Object.fromEntries([...TOPICS, "stale"].map((name) => [name, refresh]));
  listen({ site: main.dataset.site, topics: main.dataset.topics?.split(",") }, handlers);
  automatic = handlers;
}
// A page of figures that change all the time is asked for by the clock instead, while somebody looks at it.
if (kind === "clock") {
  listen({ topics: ["incident"] }, { stale: refresh });
  setInterval(refresh, 1000 * main.dataset.every);
}
