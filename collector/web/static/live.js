// Keeps the open page true: the server says that something happened, and the page asks for its own new content.
// Without this script every page still works; it is then as old as its last load.
const main = document.getElementById("main");
const lamp = document.getElementById("live");
const kind = main.dataset.live;
const pending = new Set();
let timer = 0;
let pause = 300; // a page that costs much is asked for more seldom: a fleet of thousands has news all the time

const fetchPage = async () => {
  const asked = performance.now();
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("main");
  pause = Math.min(30000, Math.max(300, 20 * (performance.now() - asked)));
  if (!fresh) return;
  const focused = document.activeElement?.closest("main") ? document.activeElement : null;
  if (focused && /^(INPUT|SELECT)$/.test(focused.tagName)) return; // never under somebody's fingers
  if (main.querySelector("details[open]")) return; // nor a form that somebody has opened
  main.replaceChildren(...fresh.childNodes);
};

const fetchRow = async (site) => {
  const row = main.querySelector(`tr[data-site="${CSS.escape(site)}"]`);
  const answer = await fetch(`/sites/${encodeURIComponent(site)}/row`);
  if (!row || !answer.ok) return fetchPage();
  const table = document.createElement("table");
  table.innerHTML = await answer.text();
  const fresh = table.querySelector("tr");
  if (fresh.className !== row.className) return fetchPage(); // a verdict changed: tiles and order change too
  if (!row.contains(document.activeElement)) row.replaceWith(fresh);
  fresh.classList.add("fresh");
};

const refresh = async () => {
  const sites = [...pending];
  pending.clear();
  timer = 0;
  if (kind === "list" && sites.length > 0 && sites.length <= 5 && !sites.includes("")) {
    for (const site of sites) await fetchRow(site);
  } else {
    await fetchPage();
  }
};

const heard = (event) => {
  const site = JSON.parse(event.data).site ?? "";
  if (kind === "site" && site !== main.dataset.site) return;
  pending.add(site);
  timer ||= setTimeout(() => refresh().catch(() => {}), pause);
};

if (kind) {
  const source = new EventSource("/api/v1/live");
  if (kind !== "clock") for (const topic of ["report", "verdict", "incident", "status"]) source.addEventListener(topic, heard);
  let lost = false;
  source.onopen = () => {
    lamp.textContent = lamp.dataset.on;
    lamp.className = "live on";
    if (lost) fetchPage().catch(() => {});
    lost = false;
  };
  source.onerror = () => {
    lost = true;
    lamp.textContent = lamp.dataset.off;
    lamp.className = "live off";
  };
}

// A page of figures that change all the time is asked for by the clock instead, while somebody looks at it.
if (kind === "clock") setInterval(() => document.hidden || fetchPage().catch(() => {}), 1000 * main.dataset.every);
