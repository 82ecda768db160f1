// The map of the sites: no tiles, so no network. Points by shape and colour, rings where several stand close together,
// and the operator's outlines behind them. Without Leaflet (not built) there is no map, and the list tells the same.
import { names } from "./names.js";

const SVG = "http://www.w3.org/2000/svg";
const ORDER = ["below", "silent", "inconclusive", "unjudged", "met"];
const CLOSEST = 16; // beyond this zoom sites that still share a spot are spread out instead
const SPREAD = 40;
const MOST_REGIONS = 12;

const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
const fingers = matchMedia("(pointer: coarse)").matches;

const svg = (name, attributes, ...children) => {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
};

const make = (name, text = "", className = "") => {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
};

const pin = (state) => svg("svg", { class: `pin ${state}`, viewBox: "0 0 20 20", "aria-hidden": "true" }, svg("use", { href: `#pin-${state}` }));

// A ring whose arcs are the states of what it stands for, and their number in it.
const ring = (counts, total) => {
  const parts = [svg("circle", { class: "hole", cx: 20, cy: 20, r: 16 })];
  let before = 0;
  for (const state of ORDER.filter((name) => counts[name])) {
    const share = (100 * counts[state]) / total;
    parts.push(svg("circle", { class: `arc ${state}`, cx: 20, cy: 20, r: 16, pathLength: 100, "stroke-dasharray": `${share} ${100 - share}`, "stroke-dashoffset": 25 - before }));
    before += share;
  }
  const label = svg("text", { x: 20, y: 20.5 });
  label.textContent = total;
  return svg("svg", { viewBox: "0 0 40 40", "aria-hidden": "true" }, ...parts, label);
};

// Whether a target binds a site: the share that reaches it is of these, silent and inconclusive ones included.
export const bound = (site) => site.state !== "unjudged" && (site.state !== "silent" || site.target !== null);

// Whether a position lies in a polygon's rings; holes count themselves out.
const inside = ([x, y], rings) => {
  let within = false;
  for (const line of rings)
    for (let i = 0, j = line.length - 1; i < line.length; j = i++) {
      const [xi, yi] = line[i], [xj, yj] = line[j];
      if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) within = !within;
    }
  return within;
};

// `says(site)`: how a site reads in a line; `opened(id)`, `moved()`, `over(id or null)`: what somebody did on the map.
export const draw = (box, sites, { spoken, says, card, shown, opened, moved, over }) => {
  const { L, Supercluster } = window;
  if (!L || !Supercluster) return null;
  const outlined = box.dataset.outlines;
  if (!outlined && !sites.some((site) => site.lat !== null)) return null;
  box.replaceChildren();
  const map = L.map(box, {
    attributionControl: false, zoomControl: false, zoomSnap: 0.5, maxZoom: 18, minZoom: 4,
    dragging: !fingers, // one finger scrolls the page, two move the map
    zoomAnimation: !calm, fadeAnimation: !calm, markerZoomAnimation: !calm, inertia: !calm,
  });
  L.control.zoom({ zoomInTitle: spoken.zoomIn, zoomOutTitle: spoken.zoomOut, position: "topleft" }).addTo(map);
  const index = new Supercluster({
    radius: 50, extent: 256, maxZoom: CLOSEST - 1,
    map: (site) => ({ [site.state]: 1 }),
    reduce: (all, one) => { for (const state in one) all[state] = (all[state] ?? 0) + one[state]; },
  });
  const markers = new Map(); // by what they show: those that stay keep their focus
  const spread = L.layerGroup().addTo(map);
  const lands = [];
  let ready = false, mark = null, named = null, current = new Map();

  const where = (site) => [site.lat, site.lon];
  const activate = (element, act) => {
    element.addEventListener("click", (event) => { event.stopPropagation(); act(false); });
    element.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      act(true);
    });
  };
  const put = (at, html, className, size, label, act, layer = map) => {
    const icon = L.divIcon({ html, className, iconSize: [size, size] });
    const marker = L.marker(at, { icon, keyboard: true, riseOnHover: true }).addTo(layer);
    const element = marker.getElement();
    element.setAttribute("aria-label", label);
    activate(element, act);
    return marker;
  };

  const popup = (site, at, marker, byKey) => {
    const content = card(site);
    const window_ = L.popup({ maxWidth: 280, autoPanPadding: [24, 24] }).setLatLng(at).setContent(content).openOn(map);
    const cross = window_.getElement().querySelector(".leaflet-popup-close-button");
    cross?.setAttribute("aria-label", spoken.close);
    if (byKey) content.querySelector("a")?.focus();
    const frame = window_.getElement();
    const back = () => marker.getElement()?.focus({ preventScroll: true });
    frame.addEventListener("keydown", (event) => { if (event.key === "Escape") { map.closePopup(window_); back(); } });
    cross?.addEventListener("click", back);
    opened(site.id);
  };
  const point = (site, at, layer) => {
    const marker = put(at, pin(site.state), `point ${site.state}`, 26, says(site), (byKey) => popup(site, at, marker, byKey), layer);
    const element = marker.getElement();
    marker.bindTooltip(() => make("span", says(site)), { direction: "top", offset: [0, -10] });
    element.addEventListener("pointerenter", () => over(site.id));
    element.addEventListener("focus", () => over(site.id));
    element.addEventListener("pointerleave", () => over(null));
    return marker;
  };
  // Sites that share a spot, around it.
  const spider = (cluster, byKey) => {
    spread.clearLayers();
    const leaves = index.getLeaves(cluster.properties.cluster_id, SPREAD);
    const middle = map.latLngToLayerPoint([cluster.geometry.coordinates[1], cluster.geometry.coordinates[0]]);
    const far = Math.max(48, (leaves.length * 30) / (2 * Math.PI));
    leaves.forEach(({ properties: site }, number) => {
      const angle = (2 * Math.PI * number) / leaves.length - Math.PI / 2;
      const at = map.layerPointToLatLng(middle.add([far * Math.cos(angle), far * Math.sin(angle)]));
      L.polyline([map.layerPointToLatLng(middle), at], { className: "spider", interactive: false }).addTo(spread);
      const marker = point(site, at, spread);
      if (byKey && number === 0) marker.getElement().focus();
    });
  };
  const cluster = (name, found) => {
    const { point_count: total, ...rest } = found.properties;
    const [lon, lat] = found.geometry.coordinates;
    const states = ORDER.filter((state) => rest[state]).map((state) => `${rest[state]} ${spoken[state === "silent" ? "still" : state]}`);
    const label = spoken.several.replace("{count}", total).replace("{states}", states.join(", "));
    return put([lat, lon], ring(rest, total), "cluster", 30 + Math.min(16, 3 * Math.log2(total)), label, (byKey) => {
      const now = current.get(name); // its number changes with every load
      const zoom = index.getClusterExpansionZoom(now.properties.cluster_id);
      if (zoom >= CLOSEST) return spider(now, byKey);
      map.setView([lat, lon], zoom);
      if (byKey) map.once("moveend", () => box.querySelector(".leaflet-marker-pane [tabindex]")?.focus());
    });
  };
  const key = ({ properties: it, geometry: { coordinates } }) =>
    it.cluster ? `${coordinates}:${ORDER.map((state) => it[state] ?? 0)}` : `${it.id}:${it.state}`;
  const render = () => {
    const frame = map.getBounds().pad(0.2);
    const found = index.getClusters([frame.getWest(), frame.getSouth(), frame.getEast(), frame.getNorth()], Math.floor(map.getZoom()));
    current = new Map(found.map((one) => [key(one), one]));
    for (const [name, marker] of markers)
      if (!current.has(name)) { marker.remove(); markers.delete(name); }
    for (const [name, one] of current) {
      if (markers.has(name)) continue;
      const site = one.properties;
      markers.set(name, site.cluster ? cluster(name, one) : point(site, where(site), map));
    }
  };
  const load = (fresh, changed = new Set()) => {
    sites = fresh;
    const placed = sites.filter((site) => site.lat !== null && shown(site));
    index.load(placed.map((site) => ({ type: "Feature", properties: site, geometry: { type: "Point", coordinates: [site.lon, site.lat] } })));
    render();
    shade();
    for (const id of changed) for (const state of ORDER) markers.get(`${id}:${state}`)?.getElement()?.classList.add("changed");
  };

  // How many of the sites in each outline reach their target.
  const shade = () => {
    for (const land of lands) {
      const judged = land.sites.map((id) => byId.get(id)).filter((site) => site && bound(site));
      const met = judged.filter((site) => site.state === "met").length;
      const part = judged.length ? Math.min(3, Math.floor((4 * met) / judged.length)) : null;
      land.says = judged.length ? spoken.share.replace("{met}", met).replace("{judged}", judged.length) : spoken.nothing;
      const element = land.layer.getElement();
      if (element) element.setAttribute("class", `leaflet-interactive land commune ${part === null ? "none" : `shade-${part}`}`);
    }
  };
  let byId = new Map(sites.map((site) => [site.id, site]));
  const outline = async () => {
    const answer = await fetch(outlined);
    if (!answer.ok) throw new Error(String(answer.status));
    const collection = await answer.json();
    const drawn = L.geoJSON(collection, {
      interactive: true,
      style: ({ properties }) => ({ className: `land ${properties?.level === "province" ? "province" : "commune"}`, interactive: properties?.level !== "province" }),
      onEachFeature: ({ properties, geometry }, layer) => {
        if (properties?.level === "province") return;
        const polygons = geometry.type === "Polygon" ? [geometry.coordinates] : geometry.coordinates;
        const frame = layer.getBounds();
        const own = sites.filter((site) => site.lat !== null && frame.contains(where(site)) && polygons.some((rings) => inside([site.lon, site.lat], rings)));
        const land = { layer, sites: own.map((site) => site.id), says: "" };
        lands.push(land);
        layer.bindTooltip(() => {
          const told = make("span");
          if (properties?.name) told.append(make("b", properties.name), document.createElement("br"));
          told.append(land.says);
          return told;
        }, { sticky: true });
      },
    }).addTo(map);
    if (!lands.length && !sites.some((site) => site.lat !== null)) map.fitBounds(drawn.getBounds());
    shade();
  };

  const placed = sites.filter((site) => site.lat !== null);
  const whole = L.latLngBounds(placed.length ? placed.map(where) : [[8, 102], [23.5, 110]]);
  const frame = box.dataset.box?.split(",").map(Number);
  if (frame) map.fitBounds([[frame[1], frame[0]], [frame[3], frame[2]]], { animate: false });
  else map.fitBounds(whole, { padding: [24, 24], maxZoom: 13, animate: false });
  const home = L.control({ position: "topleft" });
  home.onAdd = () => {
    const bar = make("div", "", "leaflet-bar");
    const button = make("a", "⤢");
    Object.assign(button, { href: "#map", title: spoken.whole });
    button.setAttribute("role", "button");
    button.setAttribute("aria-label", spoken.whole);
    button.addEventListener("click", (event) => { event.preventDefault(); map.fitBounds(whole, { padding: [24, 24], maxZoom: 13 }); });
    bar.append(button);
    return bar;
  };
  home.addTo(map);

  // Provinces that lie far apart leave the first scale empty: each can be looked at alone.
  const regions = new Map();
  for (const site of placed) regions.set(site.province, (regions.get(site.province) ?? L.latLngBounds([])).extend(where(site)));
  if (regions.size > 1 && regions.size <= MOST_REGIONS) {
    const bar = make("div", "", "regions");
    bar.setAttribute("role", "group");
    bar.setAttribute("aria-label", spoken.provinces);
    const fit = (bounds) => map.fitBounds(bounds, { padding: [24, 24], maxZoom: 13 });
    for (const [name, bounds] of [["", whole], ...[...regions].sort(([one], [other]) => one.localeCompare(other))]) {
      const button = make("button", name || spoken.every);
      button.type = "button";
      button.addEventListener("click", () => fit(bounds));
      bar.append(button);
    }
    box.after(bar);
  }

  // A wheel turns the page, unless Ctrl is held: whoever scrolls past the map must not be caught in it.
  const hint = make("p", spoken.hint, "hint");
  hint.setAttribute("aria-hidden", "true");
  box.append(hint);
  let fade = 0;
  box.addEventListener("wheel", (event) => {
    if (event.ctrlKey || event.metaKey) return;
    event.stopImmediatePropagation();
    hint.classList.add("shown");
    clearTimeout(fade);
    fade = setTimeout(() => hint.classList.remove("shown"), 1200);
  }, { capture: true, passive: true });
  new ResizeObserver(() => map.invalidateSize({ animate: false })).observe(box);

  box.addEventListener("keydown", (event) => { if (event.key === "Escape") { map.closePopup(); spread.clearLayers(); } });
  map.on("zoomstart", () => spread.clearLayers());
  map.on("moveend", () => { render(); named?.draw(); if (ready) moved(); });
  load(sites);
  const name = () => { named = names(L, map, () => [...markers.values()].map((marker) => marker.getLatLng())); named.learn(sites); };
  if (outlined) outline().catch(name);
  else name();
  ready = true;

  return {
    // The sites as they are now; those that changed are shown for a moment.
    update: (fresh, changed) => {
      const moved = fresh !== sites;
      byId = new Map(fresh.map((site) => [site.id, site]));
      load(fresh, changed);
      if (moved) named?.learn(fresh);
    },
    // Shows where one site lies, also when it is in a ring; null: none.
    mark: (id) => {
      mark?.remove();
      mark = null;
      const site = id === null ? null : byId.get(id);
      if (!site || site.lat === null) return;
      const icon = L.divIcon({ html: pin(site.state), className: `point chosen ${site.state}`, iconSize: [30, 30] });
      mark = L.marker(where(site), { icon, interactive: false, keyboard: false, zIndexOffset: 1000 }).addTo(map);
    },
    // What is in sight, as the address writes it.
    frame: () => {
      const sight = map.getBounds();
      return [sight.getWest(), sight.getSouth(), sight.getEast(), sight.getNorth()].map((edge) => edge.toFixed(4)).join(",");
    },
  };
};
