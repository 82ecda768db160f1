// What a chart's canvas shows: points, bands, steps, notes and lanes of states, in the colours of the page as it is now.
// uPlot gives axes, scales and cursor; gaps are never bridged, so it draws no line of its own.
const TAU = 2 * Math.PI;

export const colours = (element) => {
  const style = getComputedStyle(element);
  const of = (name, otherwise) => style.getPropertyValue(name).trim() || otherwise;
  return {
    ink: of("--ink", "#17211c"), soft: of("--soft", "#56635c"), line: of("--line", "#d8dedb"), card: of("--card", "#fff"),
    one: of("--tone-one", "#1c5fa8"), two: of("--tone-two", "#8434b5"), three: of("--tone-three", "#a8327d"),
    four: of("--tone-four", "#006b75"), failed: of("--below", "#b3261e"), note: of("--note", "#b3261e"),
    met: of("--met", "#0b6e4f"), below: of("--below", "#b3261e"), silent: of("--silent", "#8a4b00"),
    inconclusive: of("--inconclusive", "#5a6068"), font: `12px ${style.fontFamily}`,
  };
};

const outline = (ctx, shape, x, y, r) => {
  ctx.beginPath();
  if (shape === "diamond") {
    ctx.moveTo(x, y - 1.25 * r); ctx.lineTo(x + 1.25 * r, y); ctx.lineTo(x, y + 1.25 * r); ctx.lineTo(x - 1.25 * r, y);
    ctx.closePath();
  } else if (shape === "square") ctx.rect(x - r, y - r, 2 * r, 2 * r);
  else if (shape === "triangle") {
    ctx.moveTo(x, y - 1.2 * r); ctx.lineTo(x + 1.2 * r, y + r); ctx.lineTo(x - 1.2 * r, y + r); ctx.closePath();
  } else ctx.arc(x, y, r, 0, TAU);
};

const mark = (ctx, { x, y, r, shape, look, colour, paint }) => {
  if (look === "failed") {
    ctx.strokeStyle = paint.failed; ctx.lineWidth = r / 2;
    ctx.beginPath();
    ctx.moveTo(x - r, y - 2 * r - 1); ctx.lineTo(x + r, y - 1); ctx.moveTo(x + r, y - 2 * r - 1); ctx.lineTo(x - r, y - 1);
    ctx.stroke();
    return;
  }
  outline(ctx, shape, x, y, r);
  ctx.fillStyle = look === "doubted" ? paint.card : colour;
  ctx.fill();
  ctx.strokeStyle = look === "doubted" ? colour : paint.card;
  ctx.lineWidth = look === "doubted" ? r / 2.4 : r / 4;
  ctx.stroke();
};

const points = (u, one, paint, ratio) => {
  const { ctx } = u;
  const colour = paint[one.tone ?? "one"];
  const foot = u.bbox.top + u.bbox.height;
  const at = (place) => [u.valToPos(one.at[place], "x", true), one.values[place] == null ? foot : u.valToPos(one.values[place], "y", true)];
  if (one.joins_s) {
    ctx.strokeStyle = colour; ctx.lineWidth = 1.2 * ratio; ctx.beginPath();
    for (let place = 1; place < one.at.length; place += 1) {
      if (one.values[place] == null || one.values[place - 1] == null || one.at[place] - one.at[place - 1] > one.joins_s) continue;
      ctx.moveTo(...at(place - 1)); ctx.lineTo(...at(place));
    }
    ctx.stroke();
  }
  const near = u.bbox.width / Math.max(one.at.length, 1) / ratio; // many points are drawn smaller, never left out
  const r = (near < 3 ? 1.8 : near < 7 ? 2.6 : 4) * ratio;
  for (let place = 0; place < one.at.length; place += 1) {
    const [x, y] = at(place);
    const look = one.looks?.[place] ?? (one.values[place] == null ? "failed" : "conclusive");
    mark(ctx, { x, y, r: look === "failed" ? Math.max(r, 3 * ratio) : r, shape: one.shape, look, colour, paint });
  }
};

const band = (u, one, paint, ratio) => {
  const { ctx } = u;
  const colour = paint[one.tone ?? "one"];
  for (let place = 0; place < one.start.length; place += 1) {
    const left = u.valToPos(one.start[place], "x", true), right = u.valToPos(one.end[place], "x", true);
    const high = u.valToPos(one.high[place], "y", true), low = u.valToPos(one.low[place], "y", true);
    ctx.globalAlpha = 0.22; ctx.fillStyle = colour; ctx.fillRect(left, high, Math.max(right - left, 1), Math.max(low - high, ratio));
    ctx.globalAlpha = 1;
    const wide = right - left;
    const y = u.valToPos(one.middle[place], "y", true);
    if (wide > 9 * ratio) { ctx.fillRect(left + 1, y - ratio, wide - 2, 2 * ratio); }
    mark(ctx, { x: (left + right) / 2, y, r: Math.min(3, Math.max(1.5, wide / ratio / 3)) * ratio, look: "conclusive", colour, paint });
  }
};

const steps = (u, one, paint, ratio, taken) => {
  const { ctx, bbox } = u;
  const end = u.scales.x.max;
  ctx.strokeStyle = ctx.fillStyle = one.kind === "contract" ? paint.soft : paint.ink;
  ctx.lineWidth = 1.6 * ratio;
  ctx.setLineDash(one.kind === "contract" ? [2 * ratio, 3 * ratio] : [8 * ratio, 4 * ratio]);
  ctx.beginPath();
  let before = null, last = null;
  for (let place = 0; place < one.at.length; place += 1) {
    const value = one.values[place];
    const from = one.at[place], until = Math.min(one.at[place + 1] ?? end, end);
    if (value == null || from >= end) { before = null; continue; }
    const x = u.valToPos(from, "x", true), y = u.valToPos(value, "y", true);
    before == null ? ctx.moveTo(x, y) : ctx.lineTo(x, y);
    ctx.lineTo(u.valToPos(until, "x", true), y);
    before = last = value;
  }
  ctx.stroke();
  ctx.setLineDash([]);
  if (last == null) return;
  const size = 12 * ratio; // the number stands in the margin, beside its line and not over points
  const y = u.valToPos(last, "y", true);
  const free = taken.every((other) => Math.abs(other - y) > size) ? y : y < taken[0] ? taken[0] - size : taken[0] + size;
  taken.push(free);
  ctx.textAlign = "left"; ctx.textBaseline = "middle";
  ctx.fillText(one.label, bbox.left + bbox.width + 5 * ratio, free);
};

const notes = (u, list, paint, ratio) => {
  const { ctx, bbox } = u;
  for (const note of list) {
    const left = Math.max(u.valToPos(note.start, "x", true), bbox.left);
    if (note.end != null) {
      const right = Math.min(u.valToPos(note.end, "x", true), bbox.left + bbox.width);
      if (right < bbox.left || left > bbox.left + bbox.width) continue;
      const colour = note.kind === "maintenance" ? paint.inconclusive : paint.note;
      ctx.globalAlpha = 0.05; ctx.fillStyle = colour; ctx.fillRect(left, bbox.top, Math.max(right - left, 2 * ratio), bbox.height);
      ctx.globalAlpha = 1; ctx.fillRect(left, bbox.top, Math.max(right - left, 2 * ratio), 3 * ratio); // also told without shade
    } else if (note.start >= u.scales.x.min && note.start <= u.scales.x.max) {
      ctx.strokeStyle = paint.soft; ctx.lineWidth = ratio; ctx.setLineDash([1 * ratio, 3 * ratio]);
      ctx.beginPath(); ctx.moveTo(left, bbox.top); ctx.lineTo(left, bbox.top + bbox.height); ctx.stroke(); ctx.setLineDash([]);
      ctx.fillStyle = paint.soft; outline(ctx, "triangle", left, bbox.top + 4 * ratio, 4 * ratio); ctx.fill();
    }
  }
};

const STATES = {
  heard: "met", met: "met", late: "silent", stale: "silent", silent: "silent", below: "below", inconclusive: "inconclusive",
};

export const laneBox = (u, row, count) => {
  const each = u.bbox.height / count;
  return { top: u.bbox.top + row * each + each * 0.12, height: each * 0.76 };
};

const lanes = (u, list, paint, ratio) => {
  const { ctx, bbox } = u;
  list.forEach((lane, row) => {
    const { top, height } = laneBox(u, row, list.length);
    for (const one of lane.stretches) {
      const left = Math.max(u.valToPos(one.start, "x", true), bbox.left), right = Math.min(u.valToPos(one.end, "x", true), bbox.left + bbox.width);
      if (right <= left) continue;
      const tall = Math.max(height * one.full, 3 * ratio);
      ctx.fillStyle = paint[STATES[one.state]] ?? paint.line;
      ctx.fillRect(left, top + height - tall, Math.max(right - left - ratio, ratio), tall);
      const room = right - left - 10 * ratio;
      if (ctx.measureText(one.word).width > room) continue;
      const inside = tall >= 14 * ratio; // a low bar has its word above it
      ctx.fillStyle = inside ? paint.card : paint.ink;
      ctx.textAlign = "left"; ctx.textBaseline = "middle";
      ctx.fillText(one.word, left + 5 * ratio, inside ? top + height - tall / 2 + ratio : top + (height - tall) / 2);
    }
  });
};

export const draw = (u, chart) => {
  const { spec, hidden, paint } = chart;
  const { ctx, bbox } = u;
  const ratio = devicePixelRatio || 1;
  ctx.save();
  ctx.beginPath(); ctx.rect(bbox.left - 6 * ratio, bbox.top - 6 * ratio, bbox.width + 60 * ratio, bbox.height + 7 * ratio); ctx.clip();
  ctx.font = paint.font.replace("12px", `${12 * ratio}px`);
  notes(u, spec.notes ?? [], paint, ratio);
  if (spec.lanes) lanes(u, spec.lanes, paint, ratio);
  const taken = [];
  (spec.series ?? []).forEach((one, place) => {
    if (hidden.has(place)) return;
    ({ points, band, steps })[one.type](u, one, paint, ratio, taken);
  });
  const focus = chart.focus;
  if (focus) { // what the keyboard or the mouse is at
    const x = u.valToPos(focus.x, "x", true), y = chart.yOf(focus, true);
    ctx.strokeStyle = paint.ink; ctx.lineWidth = 2 * ratio; ctx.beginPath(); ctx.arc(x, y, 8 * ratio, 0, TAU); ctx.stroke();
  }
  ctx.restore();
};
