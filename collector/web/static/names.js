// Names of provinces, or of communes from nearby, beneath the points: without outlines the map would be a bare square.
// Quiet: they catch no pointer, and the list tells the same to whoever hears the page.
const NEAR = 9; // from this zoom on communes
const MOST = 40; // more communes than this in sight are no help
const TRIES = [30, -30, 50, -50, 70, -70, 90, 0]; // px beneath the centre: where there is a ring or another name, elsewhere
const TALL = 20;
const POINT = 36;

// The middle of each area's points: those with more of them first.
const middles = (sites, named) => {
  const found = new Map();
  for (const site of sites) {
    const name = named(site);
    if (site.lat === null || !name) continue;
    const key = `${name}|${site.province}`;
    const one = found.get(key) ?? { name, lat: 0, lon: 0, count: 0 };
    one.lat += site.lat;
    one.lon += site.lon;
    one.count += 1;
    found.set(key, one);
  }
  return [...found.values()]
    .map(({ name, lat, lon, count }) => ({ name, count, at: [lat / count, lon / count] }))
    .sort((one, other) => other.count - one.count);
};

const overlap = (one, other) =>
  Math.abs(one.x - other.x) < (one.width + other.width) / 2 && Math.abs(one.y - other.y) < (one.tall + other.tall) / 2;

// `points()`: where points and rings stand now, as the names keep clear of them.
export const names = (L, map, points) => {
  const pane = map.createPane("names");
  pane.setAttribute("aria-hidden", "true");
  const layer = L.layerGroup().addTo(map);
  let provinces = [], communes = [];
  const label = ({ name, at }, level, x, y) => {
    const text = document.createElement("span");
    text.textContent = name;
    text.style.left = `${Math.round(x)}px`;
    text.style.top = `${Math.round(y)}px`;
    const icon = L.divIcon({ html: text, className: `name ${level}`, iconSize: [0, 0] });
    L.marker(at, { icon, pane: "names", interactive: false, keyboard: false }).addTo(layer);
  };
  const draw = () => {
    layer.clearLayers();
    const sight = map.getBounds();
    const within = (some) => some.filter(({ at }) => sight.contains(at));
    const near = map.getZoom() >= NEAR ? within(communes) : [];
    const isNear = near.length > 0 && near.length <= MOST;
    const taken = points().map((at) => ({ ...map.latLngToContainerPoint(at), width: POINT, tall: POINT }));
    const most = map.getSize().x;
    for (const one of isNear ? near : within(provinces)) {
      const { x, y } = map.latLngToContainerPoint(one.at);
      const width = (isNear ? 7 : 10) * one.name.length + 8;
      const middle = Math.min(Math.max(x, width / 2), most - width / 2); // not over the edge
      const frames = TRIES.map((off) => ({ x: middle, y: y + off, width, tall: TALL }));
      const frame = frames.find((each) => !taken.some((other) => overlap(each, other)));
      if (!frame) continue; // those of fewer sites give way
      taken.push(frame);
      label(one, isNear ? "commune" : "province", frame.x - x, frame.y - y);
    }
  };
  return {
    draw,
    learn: (sites) => {
      provinces = middles(sites, (site) => site.province);
      communes = middles(sites, (site) => site.commune);
      draw();
    },
  };
};
