// Charts of any page: each `div.plot` is drawn from the JSON block beside it. Without this script, or without uPlot, the
// table behind a chart stands open instead. A page that has news calls `charts.get(id).update(spec)`.
import { colours, draw, laneBox } from "./drawing.js";

export const charts = new Map();
const language = document.documentElement.lang || "vi";
const NEAR = 28; // pixels within which the mouse finds a point
const LANE = 34;
const open = (href) => { // a page may show in place what a point leads to
  if (href && document.dispatchEvent(new CustomEvent("chart-open", { detail: { href }, cancelable: true }))) location.assign(href);
};
const narrow = matchMedia("(max-width: 40rem)");

const make = (tag, attributes = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
};

const svg = (kind, one) => {
  const drawn = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const add = (tag, attributes) => {
    const part = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) part.setAttribute(name, value);
    drawn.append(part);
  };
  drawn.setAttribute("viewBox", "0 0 24 14");
  drawn.setAttribute("aria-hidden", "true");
  const stroke = { fill: "none", stroke: "currentColor", "stroke-width": 2 };
  if (kind === "steps") add("path", { d: "M0 7h24", ...stroke, "stroke-dasharray": one.kind === "contract" ? "2 3" : "7 4" });
  else if (kind === "band") { add("rect", { x: 0, y: 1, width: 24, height: 12, fill: "currentColor", opacity: 0.25 }); add("circle", { cx: 12, cy: 7, r: 3, fill: "currentColor" }); }
  else {
    if (one.joins_s) add("path", { d: "M0 7h24", ...stroke, "stroke-width": 1.2 });
    const shapes = { diamond: "M12 1l6 6-6 6-6-6z", square: "M7 2h10v10h-10z", triangle: "M12 2l6 10h-12z" };
    one.shape && shapes[one.shape] ? add("path", { d: shapes[one.shape], fill: "currentColor" }) : add("circle", { cx: 12, cy: 7, r: 5, fill: "currentColor" });
  }
  return drawn;
};

const round = (highest) => { // a round level at or above it, as axes have them
  if (!(highest > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(highest / 4));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((one) => one >= highest / 4);
  return Math.ceil(highest / step - 1e-9) * step;
};

class Chart {
  constructor(box) {
    this.box = box;
    this.figure = box.closest("figure");
    this.id = box.dataset.plot;
    this.hidden = new Set();
    this.zoom = null;
    this.focus = null;
    this.spec = JSON.parse(document.getElementById(`${this.id}-data`).textContent);
    this.number = new Intl.NumberFormat(language, { maximumFractionDigits: 2 }); // of axes and levels
    this.tip = make("div", { class: "chart-tip", hidden: "", "aria-hidden": "true" });
    this.voice = make("p", { class: "hidden", "aria-live": "polite" });
    this.whole = make("button", { type: "button", class: "chart-whole", hidden: "" }, box.dataset.whole);
    this.legend = make("ul", { class: "chart-legend" });
    box.before(this.legend);
    box.after(this.voice);
    box.classList.add("drawn");
    box.setAttribute("tabindex", "0");
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", `${box.dataset.title}. ${box.dataset.hint}`);
    box.addEventListener("keydown", (event) => this.key(event));
    box.addEventListener("blur", () => this.show(null));
    this.whole.addEventListener("click", () => zoomTo(this, null, true));
    this.gather();
    this.build();
    this.figure.querySelector("details.behind")?.removeAttribute("open");
    this.watch = new ResizeObserver(() => this.fit());
    this.watch.observe(box);
  }

  when(seconds, style) { // 22/11 and 15:04 in both languages
    return new Intl.DateTimeFormat("en-GB", { timeZone: this.spec.zone, ...style }).format(seconds * 1000);
  }

  words(target) { // what a point says: when, how much, and what the page knows besides
    const series = this.spec.series?.[target.series];
    if (target.row != null) return target.said;
    const digits = this.spec.digits ?? 1;
    const value = new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
    const when = this.when(target.x, { day: "2-digit", month: "2-digit", year: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).replace(",", "");
    if (target.low != null) return [when, `${value.format(target.y)} ${this.spec.unit ?? ""}`, `${value.format(target.low)} … ${value.format(target.high)}`, series.name, target.said].filter(Boolean).join("\n");
    return [when, target.y == null ? this.box.dataset.failed : `${value.format(target.y)} ${this.spec.unit ?? ""}`, target.said || series.name].join("\n");
  }

  gather() { // every point that can be pointed at, in the order of time
    this.targets = [];
    (this.spec.series ?? []).forEach((one, series) => {
      if (one.type === "steps") {
        const last = one.values.findLast((value) => value != null);
        one.label = last == null ? "" : this.number.format(last);
        return;
      }
      const xs = one.type === "band" ? one.start.map((start, place) => (start + one.end[place]) / 2) : one.at;
      const ys = one.type === "band" ? one.middle : one.values;
      xs.forEach((x, place) => this.targets.push({ x, y: ys[place], series, said: one.said?.[place] ?? "", href: one.hrefs?.[place], low: one.low?.[place], high: one.high?.[place] }));
    });
    (this.spec.lanes ?? []).forEach((lane, row) => lane.stretches.forEach((one) => {
      this.targets.push({ x: (Math.max(one.start, this.spec.start) + Math.min(one.end, this.spec.end)) / 2, row, series: row, said: one.said, from: one.start, to: one.end });
    }));
    this.targets.sort((one, other) => one.x - other.x || one.series - other.series);
  }

  data() {
    const xs = [...new Set([this.spec.start, ...this.targets.map((one) => one.x), this.spec.end])].sort((a, b) => a - b);
    return [xs, xs.map(() => null)];
  }

  seen() {
    const [from, to] = this.zoom ?? [this.spec.start, this.spec.end];
    return this.targets.filter((one) => one.x >= from && one.x <= to && !this.hidden.has(one.series));
  }

  rangeY() {
    const found = this.seen().map((one) => one.y).filter((one) => one != null);
    const [from, to] = this.zoom ?? [this.spec.start, this.spec.end];
    (this.spec.series ?? []).forEach((one, place) => {
      if (this.hidden.has(place)) return;
      if (one.type === "steps") found.push(...one.values.filter((value, at) => value != null && one.at[at] <= to && (one.at[at + 1] ?? Infinity) > from));
      if (one.type === "band") found.push(...one.high, ...(this.spec.floor == null ? one.low : []));
    });
    if (this.spec.floor != null) return [this.spec.floor, round(Math.max(...found, 0) * 1.06)];
    if (found.length === 0) return [0, 1];
    const low = Math.min(...found), high = Math.max(...found), room = Math.max((high - low) * 0.12, 2);
    return [Math.floor(low - room), Math.ceil(high + room)];
  }

  ticks(u, splits) {
    const step = splits.length > 1 ? splits[1] - splits[0] : 86400;
    let day = "";
    return splits.map((at) => {
      if (step > 20 * 86400) return this.when(at, { month: "2-digit", year: "numeric" });
      const date = this.when(at, { day: "2-digit", month: "2-digit" });
      if (step >= 86400) return date;
      const time = this.when(at, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
      const fresh = date !== day;
      day = date;
      return fresh ? `${time}\n${date}` : time;
    });
  }

  height() {
    return this.spec.lanes ? this.spec.lanes.length * LANE + 56 : this.box.clientHeight || 240;
  }

  build() {
    const { box, spec } = this;
    this.paint = colours(box);
    const axis = { stroke: () => this.paint.soft, font: this.paint.font, ticks: { stroke: () => this.paint.line, size: 4 }, grid: { stroke: () => this.paint.line, width: 1 } };
    const strip = Boolean(spec.lanes);
    this.u = new uPlot({
      width: box.clientWidth || 300, height: this.height(), ms: 1e-3, legend: { show: false }, padding: [8, () => this.margin(), 0, 0],
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), spec.zone),
      scales: { x: { time: true, range: () => this.zoom ?? [spec.start, spec.end] }, y: { range: () => (strip ? [0, 1] : this.rangeY()) } },
      series: [{}, { paths: () => null, points: { show: false } }],
      axes: [
        { ...axis, space: narrow.matches ? 62 : 76, size: 40, values: (u, splits) => this.ticks(u, splits) },
        strip
          ? { ...axis, size: this.gutter(), ticks: { show: false }, grid: { show: false }, splits: () => spec.lanes.map((_, row) => 1 - (row + 0.5) / spec.lanes.length), values: () => spec.lanes.map((lane) => lane.name) }
          : { ...axis, size: this.gutter(), space: 36, values: (u, splits) => splits.map((value) => this.number.format(value)) },
      ],
      cursor: { drag: { x: true, y: false, setScale: false }, points: { show: false }, focus: { prox: -1 }, ...(spec.group ? { sync: { key: spec.group, scales: ["x", null], setSeries: false } } : {}) },
      hooks: {
        draw: [(u) => draw(u, this)],
        setCursor: [(u) => this.hover(u)],
        setSelect: [(u) => this.select(u)],
      },
    }, this.data(), box);
    this.u.over.addEventListener("dblclick", () => zoomTo(this, null, true));
    this.u.over.addEventListener("mouseleave", () => this.show(null));
    this.u.over.addEventListener("click", () => this.pressed !== true && open(this.focus?.href ?? this.note?.href));
    this.u.over.append(this.tip);
    this.u.over.parentElement.append(this.whole);
    this.keys();
  }

  margin() { // for the levels' numbers
    const longest = Math.max(0, ...(this.spec.series ?? []).map((one) => one.label?.length ?? 0));
    return longest ? 12 + 8 * longest : 12;
  }

  gutter() { return this.spec.lanes ? (narrow.matches ? 74 : 96) : narrow.matches ? 44 : 56; }

  keys() {
    this.legend.replaceChildren();
    (this.spec.series ?? []).forEach((one, place) => {
      const tone = one.type === "steps" ? one.kind ?? "target" : one.tone ?? "one";
      const sample = svg(one.type, one);
      sample.setAttribute("class", tone);
      const button = make("button", { type: "button", "aria-pressed": String(!this.hidden.has(place)) }, sample, one.name);
      button.addEventListener("click", () => {
        this.hidden.has(place) ? this.hidden.delete(place) : this.hidden.add(place);
        button.setAttribute("aria-pressed", String(!this.hidden.has(place)));
        this.show(null);
        this.u.redraw(true, true);
        this.scale();
      });
      this.legend.append(make("li", {}, button));
    });
    this.legend.hidden = this.legend.children.length === 0;
  }

  scale() {
    const [min, max] = this.zoom ?? [this.spec.start, this.spec.end];
    const [low, high] = this.spec.lanes ? [0, 1] : this.rangeY(); // what is set is taken as it is, `range` is not asked
    this.u.batch(() => { this.u.setScale("x", { min, max }); this.u.setScale("y", { min: low, max: high }); });
  }

  fit() {
    const width = this.box.clientWidth, height = this.height();
    if (this.u && width > 0 && (width !== this.u.width || height !== this.u.height)) this.u.setSize({ width, height });
  }

  repaint() {
    this.paint = colours(this.box);
    this.u.redraw(false, true);
  }

  update(spec) {
    if (spec.start !== this.spec.start && this.zoom) this.zoom = null; // what comes is what was chosen
    this.spec = spec;
    this.focus = null;
    this.gather();
    this.u.setData(this.data());
    this.scale();
    this.keys();
    this.show(null);
  }

  yOf(target, canvas) {
    const ratio = canvas ? 1 : devicePixelRatio || 1;
    const top = canvas ? 0 : this.u.bbox.top / ratio;
    if (target.row != null) {
      const box = laneBox(this.u, target.row, this.spec.lanes.length);
      return (box.top + box.height / 2) / ratio - top;
    }
    return target.y == null ? (this.u.bbox.top * (canvas ? 1 : 0) + this.u.bbox.height - 5 * (devicePixelRatio || 1)) / ratio : this.u.valToPos(target.y, "y", canvas);
  }

  hover(u) {
    if (u.cursor.event == null || !u.over.matches(":hover")) return; // moved by another chart's cursor, or by a key
    const { left, top } = u.cursor;
    if (left < 0) return;
    let found = null, nearest = NEAR;
    const at = u.posToVal(left, "x");
    for (const one of this.seen()) {
      if (one.row != null) {
        const box = laneBox(u, one.row, this.spec.lanes.length);
        const y = top * (devicePixelRatio || 1) + u.bbox.top;
        if (at >= one.from && at <= one.to && y >= box.top && y <= box.top + box.height) found = one;
        continue;
      }
      const far = Math.hypot(u.valToPos(one.x, "x") - left, this.yOf(one, false) - top);
      if (far < nearest) { nearest = far; found = one; }
    }
    const note = found ? null : (this.spec.notes ?? []).find((one) => (one.end == null ? Math.abs(u.valToPos(one.start, "x") - left) < 6 : at >= one.start && at <= one.end));
    this.note = note;
    this.show(found, note && { said: note.said, href: note.href, left, top });
  }

  show(target, note = null, { say = false } = {}) {
    const changed = this.focus !== target;
    this.focus = target;
    const told = target ? { said: this.words(target) } : note;
    this.tip.hidden = !told;
    if (told) {
      this.tip.replaceChildren(...told.said.split("\n").map((line) => make("p", {}, line)));
      const left = target ? this.u.valToPos(target.x, "x") : note.left, top = target ? this.yOf(target, false) : note.top;
      const wide = this.u.over.clientWidth;
      this.tip.style.left = `${Math.max(0, Math.min(left + 12, wide - this.tip.offsetWidth - 2))}px`;
      this.tip.style.top = `${top > this.tip.offsetHeight + 14 ? top - this.tip.offsetHeight - 12 : top + 14}px`;
      if (say) this.voice.textContent = told.said.replaceAll("\n", ", ");
    }
    this.u.over.style.cursor = (target ?? note)?.href ? "pointer" : "";
    if (changed) this.u.redraw(false, false);
  }

  key(event) {
    if (event.target !== this.box) return;
    const seen = this.seen();
    if (seen.length === 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const here = this.focus ? seen.indexOf(this.focus) : -1;
    let next;
    switch (event.key) {
      case "ArrowRight": next = here < 0 ? seen.length - 1 : Math.min(here + 1, seen.length - 1); break;
      case "ArrowLeft": next = here < 0 ? seen.length - 1 : Math.max(here - 1, 0); break;
      case "Home": next = 0; break;
      case "End": next = seen.length - 1; break;
      case "Enter": open(this.focus?.href); return;
      case "Escape": this.show(null); return;
      default: return;
    }
    event.preventDefault();
    const target = seen[next];
    this.show(target, null, { say: true });
    this.u.setCursor({ left: this.u.valToPos(target.x, "x"), top: this.yOf(target, false) });
  }

  select(u) {
    const { left, width } = u.select;
    this.pressed = width > 3;
    setTimeout(() => { this.pressed = false; }, 0);
    if (width < 8) return;
    const [from, to] = [u.posToVal(left, "x"), u.posToVal(left + width, "x")];
    u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    if (to - from >= 60) zoomTo(this, [from, to], true);
  }
}

// All charts of a group show the same time. A page that keeps the period in its address listens to `chart-zoom`.
export const zoomTo = (origin, span, tell = false) => {
  for (const chart of charts.values()) {
    if (chart !== origin && (!origin.spec.group || chart.spec.group !== origin.spec.group)) continue;
    chart.zoom = span;
    chart.whole.hidden = span == null;
    chart.show(null);
    chart.scale();
  }
  if (tell) document.dispatchEvent(new CustomEvent("chart-zoom", { detail: { span, group: origin.spec.group ?? "" } }));
};

export const mount = (root = document) => {
  for (const box of root.querySelectorAll("div.plot:not(.drawn)")) {
    if (typeof uPlot === "undefined") {
      if (!box.textContent) box.append(make("p", { class: "none" }, box.dataset.missing));
      continue;
    }
    charts.set(box.dataset.plot, new Chart(box));
  }
};

// A page that exchanged its content has other boxes: what was chosen on a chart is chosen on its successor.
addEventListener("fresh", () => {
  const gone = [...charts.values()].filter((chart) => !chart.box.isConnected);
  for (const chart of gone) {
    chart.watch.disconnect();
    chart.u.destroy();
    charts.delete(chart.id);
  }
  mount();
  for (const { id, zoom, hidden } of gone) {
    const chart = charts.get(id);
    if (!chart) continue;
    chart.hidden = hidden;
    chart.zoom = zoom;
    chart.whole.hidden = zoom == null;
    chart.keys();
    chart.scale();
  }
});

const repaint = () => charts.forEach((chart) => { chart.fit(); chart.repaint(); });
addEventListener("theme", repaint);
matchMedia("print").addEventListener("change", repaint);
mount();
