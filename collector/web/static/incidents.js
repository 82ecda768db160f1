// Incidents by keyboard, and a name that need not be typed again. Without this script everything works by links and forms.
// Single letters act only outside of fields, and can be turned off (WCAG 2.1.4).
import { listen } from "./live.js";

const WHO = "linkgauge-name";
const OFF = "linkgauge-keys-off";
const main = document.getElementById("main");
const remembered = (key) => { try { return localStorage.getItem(key); } catch { return null; } };
const remember = (key, value) => { try { value == null ? localStorage.removeItem(key) : localStorage.setItem(key, value); } catch { /* not allowed here */ } };
let here = null; // the id of the incident that the keys are about

const cases = () => [...main.querySelectorAll(".case")];
const chosen = () => (here ? document.getElementById(here) : null);

const fill = () => {
  const name = remembered(WHO);
  if (name) for (const field of main.querySelectorAll('input[name="who"]')) if (!field.value) field.defaultValue = name; // the page may still be exchanged
};

const mark = (one, focus = true) => {
  chosen()?.classList.remove("here");
  here = one?.id ?? null;
  if (!one) return;
  one.classList.add("here");
  if (focus) { one.focus({ preventScroll: true }); one.scrollIntoView({ block: "nearest" }); }
};

const begin = () => {
  fill();
  for (const one of cases()) one.tabIndex = -1;
  for (const button of main.querySelectorAll(".keys-open")) button.hidden = false;
  const known = chosen();
  if (known) mark(known, false);
};

const move = (step) => {
  const all = cases();
  if (!all.length) return;
  const at = all.indexOf(chosen());
  mark(all[Math.min(all.length - 1, Math.max(0, at < 0 ? 0 : at + step))]);
};

// What a letter asks for: the form, at the field that comes next; Enter then does what the letter said.
const FIELDS = { acknowledge: "who", silence: "hours", note: "note" };
const ask = (action) => {
  const box = chosen() ?? (main.querySelector(".story") ? main.querySelector(".deciding") : null);
  if (!box) { move(0); return; }
  const details = box.querySelector("details.act");
  if (details) details.open = true;
  const form = box.querySelector("form.decide");
  const button = form?.querySelector(`button[value="${action}"]`);
  if (!button) return;
  form.dataset.wish = action;
  for (const each of form.querySelectorAll(".actions button:not(.danger)")) each.classList.toggle("quiet", each !== button);
  const who = form.elements.who;
  const field = form.elements[FIELDS[action]];
  (action === "acknowledge" && who.value ? button : field).focus();
};

const away = () => {
  const details = main.querySelector("details.act[open]");
  if (!details) return false;
  const one = details.closest(".case");
  details.querySelector("form").reset();
  details.open = false;
  mark(one);
  return true;
};

const open = () => {
  const one = chosen();
  if (one) location.assign(one.dataset.href);
};

const openKeys = () => { // the page may have been exchanged: it is looked up each time
  const shown = document.getElementById("keys");
  shown.querySelector("#keys-on").checked = !remembered(OFF);
  shown.showModal();
};
document.addEventListener("click", (event) => event.target.closest?.(".keys-open") && openKeys());
document.addEventListener("change", (event) => event.target.id === "keys-on" && remember(OFF, event.target.checked ? null : "1"));

const DO = {
  j: () => move(1), k: () => move(-1), o: open, a: () => ask("acknowledge"), s: () => ask("silence"), n: () => ask("note"), "?": openKeys,
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || main.querySelector("dialog[open]")) return;
  const target = event.target;
  const form = target.closest?.("form.decide");
  if (event.key === "Escape") { if (away()) event.preventDefault(); return; }
  if (form?.dataset.wish && event.key === "Enter" && target.tagName === "INPUT") {
    event.preventDefault();
    form.requestSubmit(form.querySelector(`button[value="${form.dataset.wish}"]`));
    return;
  }
  if (target.closest?.("input, select, textarea, [contenteditable]")) return;
  const row = target.classList?.contains("case");
  if (row && event.key === "Enter") return open();
  if (row && (event.key === "ArrowDown" || event.key === "ArrowUp")) { event.preventDefault(); move(event.key === "ArrowDown" ? 1 : -1); return; }
  if (remembered(OFF) && event.key !== "?") return;
  const act = DO[event.key];
  if (act) { event.preventDefault(); act(); }
});

main.addEventListener("submit", (event) => {
  const who = event.target.elements?.who;
  if (who?.value.trim()) remember(WHO, who.value.trim());
});
main.addEventListener("focusin", (event) => {
  const one = event.target.closest(".case");
  if (one && one.id !== here) mark(one, false);
});

// An incident's own page: what is said of it and its history follow the news; chart and form stay.
const renew = async () => {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of fresh.querySelectorAll("[data-part]")) {
    const old = main.querySelector(`[data-part="${CSS.escape(part.dataset.part)}"]`);
    if (old && !old.matches("figure") && !old.contains(document.activeElement) && old.innerHTML !== part.innerHTML) old.replaceChildren(...part.childNodes);
  }
};
if (main.dataset.incident) {
  const again = () => renew().catch(() => {});
  listen({ topics: ["incident"] }, { incident: (said) => said.id === main.dataset.incident && again(), stale: again });
}

addEventListener("fresh", begin);
begin();
const back = location.hash.startsWith("#case-") ? document.getElementById(decodeURIComponent(location.hash.slice(1))) : null;
if (back) mark(back);
else main.querySelector(".wrong input, .wrong select")?.focus();
