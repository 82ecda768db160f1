// One site's page: kept true by the server's events, the period in the address follows a choice on a chart, the raw
// report opens in place, and a test that was asked for is followed. Without this script all of it works by links.
import { charts, mount } from "./charts.js";
import { listen } from "./live.js";

const main = document.getElementById("main");
const site = main.dataset.site;
let pending = 0, pause = 300, busy = false;

const held = (part) => // somebody is in it, or has typed
  (part.contains(document.activeElement) && /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName)) ||
  [...part.querySelectorAll("input")].some((each) => each.value !== each.defaultValue);

// The first report of a kind brings a chart of its own, in its place among the others.
const adopt = (fresh) => {
  const there = document.querySelector(".figures");
  let after = null;
  for (const figure of fresh.querySelectorAll(".figures > figure.chart")) {
    let here = document.getElementById(figure.id);
    if (!here) {
      here = document.importNode(figure, true);
      after ? after.after(here) : there.prepend(here);
    }
    after = here;
  }
  if (after) there.querySelector(".empty")?.remove();
  mount();
};

// Part by part: a chart takes its new points, everything else its new words; what somebody works in stays as it is.
const renew = async () => {
  const began = performance.now();
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok && answer.status !== 429) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  pause = Math.min(30000, Math.max(300, 20 * (performance.now() - began)));
  adopt(fresh);
  for (const part of fresh.querySelectorAll("[data-part]")) {
    const here = document.querySelector(`[data-part="${CSS.escape(part.dataset.part)}"]`);
    if (!here || held(here)) continue;
    if (here.matches("figure")) {
      const block = part.querySelector('script[type="application/json"]').textContent;
      const old = here.querySelector('script[type="application/json"]');
      if (old.textContent === block) continue;
      old.textContent = block;
      charts.get(here.id)?.update(JSON.parse(block));
      const table = here.querySelector("details.behind"), rows = part.querySelector("details.behind");
      if (table && rows && !table.contains(document.activeElement)) table.replaceChildren(...rows.childNodes);
    } else if (here.innerHTML !== part.innerHTML && !here.contains(document.activeElement)) {
      here.replaceChildren(...part.childNodes);
      for (const name of ["class", "data-request", "data-stage"]) part.hasAttribute(name) ? here.setAttribute(name, part.getAttribute(name)) : here.removeAttribute(name);
    }
  }
};

const soon = () => {
  if (pending || document.querySelector("dialog[open]")) return;
  pending = setTimeout(async () => {
    pending = 0;
    if (busy) return soon();
    busy = true;
    await renew().catch(() => {});
    busy = false;
  }, pause);
};

listen({ site, topics: ["report", "verdict", "incident", "status"] }, { report: soon, verdict: soon, incident: soon, status: soon, stale: soon });

// While a test is under way its answer is looked for also without an event: those may be lost.
setInterval(() => document.hidden || document.querySelector('#test[data-stage="waiting"]') === null || soon(), 3000);

// A choice on a chart stands in the address: a link that is sent on shows the same, and going back zooms out.
const local = (seconds) => {
  const zone = JSON.parse(document.querySelector("figure.chart script").textContent).zone;
  const parts = new Intl.DateTimeFormat("en-GB", { timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).formatToParts(seconds * 1000);
  const of = (type) => parts.find((part) => part.type === type).value;
  return `${of("year")}-${of("month")}-${of("day")}T${of("hour")}:${of("minute")}`;
};
document.addEventListener("chart-zoom", ({ detail: { span, group } }) => {
  if (group !== "site") return;
  const address = new URL(location.href);
  for (const name of ["days", "period", "before", "asked"]) address.searchParams.delete(name);
  address.hash = "";
  if (span == null) { if (history.state?.whole) location.assign(history.state.whole); return; }
  address.searchParams.set("period", `${local(span[0])}..${local(span[1] + 59)}`);
  const whole = history.state?.whole ?? location.href;
  const rolled = [...charts.values()].some((chart) => chart.spec.series?.some((one) => one.type === "band"));
  history.pushState({ whole }, "", address);
  if (rolled) location.reload(); else soon(); // spans of days become single tests
});
addEventListener("popstate", () => location.reload());

// The raw report, in place.
const dialog = document.querySelector("dialog.report");
dialog.addEventListener("close", () => soon()); // what came meanwhile
const read = async (address) => {
  const pre = dialog.querySelector("pre");
  dialog.querySelector("a").href = address;
  pre.textContent = "…";
  dialog.showModal();
  try {
    const answer = await fetch(address);
    pre.textContent = answer.ok ? JSON.stringify(await answer.json(), null, 2) : dialog.dataset.failed;
  } catch {
    pre.textContent = dialog.dataset.failed;
  }
};
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a.raw");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  read(link.href);
});
document.addEventListener("chart-open", (event) => {
  if (!event.detail.href.startsWith("/api/v1/reports/")) return;
  event.preventDefault();
  read(event.detail.href);
});
