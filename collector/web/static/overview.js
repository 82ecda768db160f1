// Keeps the first page true: cells, tiles and points change in place a moment after a report; nothing moves under the
// pointer or the focus. Draws the map where it was built. Without this script the page tells the same, as of its load.
import { listen } from "./live.js";
import { bound, draw } from "./map.js";

const ORDER = ["below", "silent", "inconclusive", "unjudged", "met"];
const SAID = { below: "below_target", silent: "silent" }; // what a state says already
const read = (id, from = document) => JSON.parse(from.getElementById(id).textContent);
const spoken = read("spoken");
const language = document.documentElement.lang;
const list = document.getElementById("list");
const place = document.getElementById("map");
const query = () => new URLSearchParams(location.search);
const ahead = Date.parse(list.dataset.now) - Date.now(); // ages count from the server's clock
const numbers = (digits) => new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
const [whole, tenth] = [numbers(0), numbers(1)];
const zone = list.dataset.zone;
const days = new Intl.DateTimeFormat("en-GB", { timeZone: zone, day: "2-digit", month: "2-digit", year: "numeric" });
const moments = new Intl.DateTimeFormat("en-GB", { timeZone: zone, day: "2-digit", month: "2-digit", year: "numeric", hour: "2-digit", minute: "2-digit" });
const ages = new Intl.RelativeTimeFormat(language, { numeric: "always" });
const UNITS = [["year", 31536000], ["month", 2592000], ["week", 604800], ["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

const age = (at) => {
  const passed = Math.max(0, (Date.now() + ahead - Date.parse(at)) / 1000);
  if (passed < 5) return spoken.now;
  const [unit, seconds] = UNITS.find(([, length]) => passed >= 0.85 * length);
  return ages.format(-Math.round(passed / seconds), unit);
};

const make = (name, text, className = "") => {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
};
const badge = (state) => document.querySelector(`template[data-badge="${state}"]`).content.cloneNode(true);

let places = [];
let sites = [];
let known = new Map();
const learn = (from = document) => {
  const told = read("points", from);
  places = told.places;
  sites = told.sites.map(([id, name, state, lon, lat, incident, median, target, where]) =>
    ({ id, name, state, lon, lat, incident: Boolean(incident), median, target, place: [...new Set(places[where])].join(", "), commune: places[where][0], province: places[where][1] }));
  known = new Map(sites.map((site) => [site.id, site]));
};
learn();

let rows = new Map();

// Whether somebody points at the list or works in it: then nothing there changes its place.
const busy = () => list.matches(":hover") || (list !== document.activeElement && list.contains(document.activeElement));
const due = new Set();
const settle = () => {
  if (busy()) return;
  const acts = [...due];
  due.clear();
  for (const act of acts) act();
};
list.addEventListener("pointerleave", () => setTimeout(settle, 300));
list.addEventListener("focusout", () => setTimeout(settle, 300));

// ---- cells

const light = (cell) => {
  cell.classList.remove("lit");
  void cell.offsetWidth; // begins anew
  cell.classList.add("lit");
};
const put = (cell, children, isNews = true) => {
  const fresh = document.createElement("td");
  fresh.append(...children);
  if (fresh.textContent === cell.textContent) return;
  cell.replaceChildren(...fresh.childNodes);
  if (isNews) light(cell);
};
const patch = (row, it) => {
  row.className = it.state;
  row.dataset.trouble = it.state === "below" ? 0 : it.trouble?.length ?? 0;
  const state = [badge(it.state)];
  if (it.since && (SAID[it.state] || it.trouble)) state.push(make("small", spoken.since.replace("{day}", days.format(new Date(it.since)))));
  if (it.watch) state.push(make("small", spoken.watch, "watch"));
  for (const cause of it.trouble ?? []) state.push(make("small", spoken[cause] ?? cause, "failure"));
  put(row.querySelector("[data-cell=state]"), state);
  if (it.last_at && !(Date.parse(it.last_at) < Date.parse(row.dataset.last))) { // a late one is not the newest
    row.dataset.last = it.last_at;
    const cell = row.querySelector("[data-cell=last]");
    const told = it.last_mbps === undefined && it.failure
      ? [make("span", spoken.failed, "failure"), make("small", it.failure)]
      : [it.last_mbps === undefined ? "–" : tenth.format(it.last_mbps)];
    if (it.rehearsed) told.push(make("small", spoken.rehearsal));
    if (it.doubted) told.push(make("small", spoken.doubted));
    put(cell, told, false);
    light(cell);
  }
  if (it.seen) {
    const cell = row.querySelector("[data-cell=seen]");
    const time = make("time", age(it.seen));
    time.dateTime = it.seen;
    time.title = moments.format(new Date(it.seen)).replace(",", "");
    const level = it.last_at ? [] : [...cell.querySelectorAll("small")];
    cell.replaceChildren(time, ...level);
  }
};
setInterval(() => {
  for (const time of document.querySelectorAll("#list time[datetime], #wrong time[datetime]")) time.textContent = age(time.dateTime);
}, 30000);

// ---- tiles

const tally = () => {
  const counts = Object.fromEntries(ORDER.map((state) => [state, 0]));
  for (const site of sites) counts[site.state] += 1;
  const judged = sites.filter(bound).length;
  const told = { ...counts, incident: sites.filter((site) => site.incident).length };
  for (const [name, count] of Object.entries(told)) {
    const tile = document.querySelector(`#tiles [data-count="${name}"] strong`);
    if (!tile && count) return void renew();
    const text = whole.format(count);
    if (tile && tile.textContent !== text) { tile.textContent = text; light(tile.closest("li")); }
  }
  const tile = document.querySelector('#tiles [data-count="share"]');
  if (!tile || !judged) return;
  const share = counts.met / judged;
  tile.querySelector("strong").textContent = `${(judged > 999 || share === 0 || share === 1 ? whole : tenth).format(100 * share)} %`;
  tile.querySelector(".says").textContent = spoken.reach.replace("{met}", whole.format(counts.met)).replace("{judged}", whole.format(judged));
};

// ---- order, and what has to be asked for

const rank = (row) => [ORDER.indexOf(row.className), -Number(row.dataset.trouble), row.dataset.ratio ? Number(row.dataset.ratio) : 2];
const byRank = (one, other) => {
  const [a, b] = [rank(one), rank(other)];
  const differs = a.findIndex((value, place) => value !== b[place]);
  if (differs >= 0) return a[differs] - b[differs];
  const [x, y] = [one, other].map((row) => row.querySelector("th a").textContent);
  return x < y ? -1 : Number(x > y);
};
const sort = () => {
  const body = document.getElementById("rows");
  if (!body || body.closest("table").dataset.sort !== "worst") return;
  const before = [...body.rows];
  const after = before.slice().sort(byRank);
  if (after.some((row, number) => row !== before[number])) body.append(...after);
};

// What was told of each site last, and its mark: an answer that was made before that is older than what is shown.
const told = new Map();
const ask = async (address) => {
  const answer = await fetch(address, { headers: { Accept: "text/html" } });
  if (!answer.ok) throw new Error(String(answer.status));
  return [await answer.text(), Number(answer.headers.get("Linkgauge-Mark"))];
};
const page = async (address) => {
  const [text, mark] = await ask(address);
  return [new DOMParser().parseFromString(text, "text/html"), mark];
};
const retell = (mark, act) => { for (const { it, mark: at } of told.values()) if (at > mark) act(it); };
const index = (mark) => {
  rows = new Map([...list.querySelectorAll("tr[data-site]")].map((row) => [row.dataset.site, row]));
  retell(mark, (it) => rows.has(it.site) && patch(rows.get(it.site), it));
};
index(Infinity);
const replace = (id, from, inside = false) => {
  const fresh = from.getElementById(id), old = document.getElementById(id);
  if (!fresh || !old) return;
  if (inside) old.replaceChildren(...fresh.childNodes);
  else old.replaceWith(fresh);
};
// One at a time, and the dearer it is the more seldom.
const seldom = (act, least) => {
  let running = false, again = false, free = 0;
  const run = async () => {
    if (running) { again = true; return; }
    running = true;
    const wait = free - performance.now();
    if (wait > 0) await new Promise((done) => setTimeout(done, wait));
    const began = performance.now();
    again = false;
    try { await act(); } catch { /* said by the lamp; the next news tries again */ }
    running = false;
    free = performance.now() + Math.min(60000, Math.max(least, 20 * (performance.now() - began)));
    if (again) run();
  };
  return run;
};
const part = (name) => {
  const wish = query();
  wish.set("part", name);
  return page(`/?${wish}`);
};
// The list alone. Under somebody's fingers it waits, and is asked for when they have gone.
const relist = seldom(async () => {
  if (busy()) return void due.add(relist);
  const asked = location.search;
  const [fresh, mark] = await part("list");
  if (busy()) return void due.add(relist);
  if (asked !== location.search) return;
  list.replaceChildren(...fresh.body.childNodes);
  index(mark);
}, 3000);
// Everything: after a loss of the stream, or when there is a kind of tile or a site that there was not.
const anew = async () => {
  const asked = location.search;
  const [fresh, mark] = await part("whole");
  if (asked !== location.search) return;
  for (const id of ["tiles", "wrong"]) replace(id, fresh);
  learn(fresh);
  retell(mark, move);
  map?.update(sites, new Set());
  if (busy()) return void due.add(relist);
  replace("list", fresh, true);
  index(mark);
};
const renew = seldom(anew, 5000);
// Medians and counts of a large province come with the list as a whole, as somebody looks at it all day.
setInterval(() => document.hidden || relist(), 300000 + 60000 * Math.random());
const rewrong = seldom(async () => {
  replace("wrong", (await part("wrong"))[0]);
}, 2000);
// A line of which there is news gets its new median too, in its turn: of a few sites only, and one every few seconds.
const stale = new Set();
const refine = seldom(async () => {
  const [id] = stale;
  if (stale.size > 5) return stale.clear();
  stale.delete(id);
  const row = rows.get(id);
  if (!row || row.matches(":hover") || row.contains(document.activeElement)) return;
  const [text, mark] = await ask(`/sites/${encodeURIComponent(id)}/row`);
  const table = document.createElement("table");
  table.innerHTML = text;
  const fresh = table.querySelector("tr");
  if (!fresh || !row.isConnected) return;
  fresh.classList.toggle("chosen", row.classList.contains("chosen"));
  row.replaceWith(fresh);
  rows.set(id, fresh);
  retell(mark, (it) => it.site === id && patch(fresh, it));
  if (stale.size) refine();
}, 4000);

// ---- news

const filtered = () => ["state", "incident"].some((name) => query().get(name));
const move = (it) => {
  const site = known.get(it.site);
  if (!site || (site.state === it.state && site.incident === Boolean(it.incident))) return false;
  site.state = it.state;
  site.incident = Boolean(it.incident);
  return true;
};
// What is counted here and what the server counts have to agree; for a moment they may not.
let differed = 0;
const check = (news) => {
  const all = ORDER.reduce((sum, state) => sum + news.counts[state], 0);
  const total = Number(document.getElementById("tiles").dataset.total);
  const own = (test) => sites.filter(test).length;
  const differs = sites.length === total &&
    (own((site) => site.incident) !== news.incidents || ORDER.some((state) => own((site) => site.state === state) !== news.counts[state]));
  differed = differs ? differed + 1 : 0;
  if (all !== total || differed > 4) recount();
};
const recount = seldom(anew, 60000);
const heard = (news, mark) => {
  const moved = new Set();
  let absent = false;
  for (const it of news.rows) {
    const row = rows.get(it.site);
    told.set(it.site, { it, mark });
    if (move(it)) {
      moved.add(it.site);
      absent ||= !row;
    }
    if (row) patch(row, it);
    if (row && it.reported) stale.add(it.site);
  }
  if (stale.size) refine();
  if (moved.size) {
    tally();
    map?.update(sites, moved);
    if (absent || filtered()) relist();
    else if (busy()) due.add(sort);
    else sort();
  }
  const wrong = document.getElementById("wrong");
  if (wrong && wrong.dataset.mark !== news.wrong) rewrong();
  check(news);
};
const missed = () => {
  told.clear(); // another process counts otherwise
  renew();
};
listen({ digest: "list" }, { list: heard, stale: missed });

// ---- the map

const says = (site) => `${site.name}: ${spoken[site.state === "silent" ? "still" : site.state]}`;
const card = (site) => {
  const told = document.createElement("div");
  const link = make("a", site.name);
  link.href = `/sites/${encodeURIComponent(site.id)}`;
  const first = document.createElement("p");
  first.append(badge(site.state), " ", site.incident ? spoken.incident : "");
  told.append(link, make("p", site.place), first);
  if (site.median !== null) {
    const text = site.target === null ? spoken.median : spoken.against.replace("{target}", whole.format(site.target));
    told.append(make("p", text.replace("{median}", tenth.format(site.median))));
  }
  return told;
};
const choose = (id, scroll = false) => {
  for (const row of list.querySelectorAll("tr.chosen")) row.classList.remove("chosen");
  const row = rows.get(id);
  row?.classList.add("chosen");
  const frame = row?.closest(".scroll"); // never the page itself: the map would move away under the pointer
  if (scroll && frame && frame.scrollHeight > frame.clientHeight) frame.scrollTop = row.offsetTop - frame.clientHeight / 3;
};
const framed = () => document.querySelector("#frame input")?.checked;
let waiting = 0;
const reframe = () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => frameList().catch(() => {}), 350);
};
let framing = 0;
const frameList = async () => {
  const own = ++framing;
  const wish = query();
  for (const name of ["box", "rows", "all"]) wish.delete(name);
  if (framed()) wish.set("box", map.frame());
  const address = wish.size ? `/?${wish}` : "/";
  if (address === location.pathname + location.search) return;
  history.replaceState(null, "", address);
  const [fresh, mark] = await page(address);
  if (own !== framing) return; // the map has moved on
  for (const id of ["tiles", "chips"]) replace(id, fresh);
  replace("list", fresh, true);
  replace("kept", fresh, true); // what the form keeps of the address
  index(mark);
};
const shown = (site) => {
  const wish = query();
  return (!wish.get("state") || site.state === wish.get("state")) && (wish.get("incident") !== "1" || site.incident);
};
const map = place ? draw(place, sites, {
  spoken, says, card, shown,
  opened: (id) => choose(id, true),
  over: (id) => choose(id),
  moved: () => { if (framed()) reframe(); },
}) : null;
if (map) {
  const frame = document.getElementById("frame");
  frame.hidden = false;
  frame.addEventListener("change", reframe);
  let last = null;
  const follow = ({ target }) => {
    const id = target.closest?.("tr[data-site]")?.dataset.site ?? null;
    if (id !== last) map.mark(id);
    last = id;
  };
  for (const name of ["pointerover", "focusin"]) list.addEventListener(name, follow);
  for (const name of ["pointerleave", "focusout"]) list.addEventListener(name, () => { map.mark(null); last = null; });
}

// A choice shows at once; the button is for those who type, and for pages without this script.
const form = document.getElementById("filters");
form?.addEventListener("change", ({ target }) => { if (target.matches("select, input[type=checkbox]")) form.requestSubmit(); });
form?.addEventListener("submit", () => {
  for (const field of form.elements) if (field.name && !field.value) field.disabled = true; // short addresses
});
addEventListener("pageshow", () => { for (const field of form?.elements ?? []) field.disabled = false; });
