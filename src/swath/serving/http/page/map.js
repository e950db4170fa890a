// The map: where the imagery lies, and where the hits are. There is no basemap; previews of the scenes are it.

import * as maplibre from '/page/vendor/maplibre-gl.mjs';
import * as api from './api.js';

const PREVIEWS = 60;
const PICTURES = 60;
const NOTHING = { type: 'FeatureCollection', features: [] };

const COLOURS = {
  light: { ground: '#e8ecef', grid: '#d3dade', scene: '#6b7a86', cell: '#3e6c8f', hit: '#c2410c', chosen: '#111827' },
  dark: { ground: '#0e1317', grid: '#1d252c', scene: '#5e6d79', cell: '#5f93bb', hit: '#ff9d5c', chosen: '#ffffff' },
};
const dark = matchMedia('(prefers-color-scheme: dark)');
const colours = () => COLOURS[dark.matches ? 'dark' : 'light'];

/** GeoJSON of several geometries. */
export const collection = (features) => ({ type: 'FeatureCollection', features });
export const feature = (geometry, properties = {}, id = undefined) => ({ type: 'Feature', id, geometry, properties });

/** West, south, east, north of geometries; null for none. */
export function extent(geometries) {
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  const visit = (at) => {
    if (typeof at[0] !== 'number') return at.forEach(visit);
    box[0] = Math.min(box[0], at[0]);
    box[1] = Math.min(box[1], at[1]);
    box[2] = Math.max(box[2], at[0]);
    box[3] = Math.max(box[3], at[1]);
    return undefined;
  };
  geometries.forEach((geometry) => geometry && visit(geometry.coordinates));
  return Number.isFinite(box[0]) ? box : null;
}

/** Where the corners of a tile's picture lie: GeoJSON goes round the other way than a picture does. */
function cornersOf(footprint) {
  if (footprint?.type !== 'Polygon' || footprint.coordinates[0].length !== 5) return null;
  const [first, lowerLeft, lowerRight, upperRight] = footprint.coordinates[0];
  return [first, upperRight, lowerRight, lowerLeft];
}

const line = (id, source, color, width, extra = {}) => ({
  id,
  source,
  type: 'line',
  paint: { 'line-color': color, 'line-width': width, ...extra },
});
const fill = (id, source, color, opacity) => ({
  id,
  source,
  type: 'fill',
  paint: { 'fill-color': color, 'fill-opacity': opacity },
});

/** How strongly a hit is outlined, beside the best one; where no probabilities are known, by its rank. */
function strength(tile, best) {
  const share = best.score > 0 ? tile.score / best.score : 1 / Math.sqrt(tile.rank || 1);
  return Math.max(0.25, Math.min(1, Math.sqrt(share)));
}

function styleOf() {
  const strong = ['coalesce', ['get', 'strength'], 1];
  const { ground, grid, scene, cell, hit, chosen } = colours();
  const sources = ['grid', 'scenes', 'hits', 'chosen', 'area'].map((name) => [name, { type: 'geojson', data: NOTHING }]);
  const dots = (id, source, color, radius) => ({
    id,
    source,
    type: 'circle',
    filter: ['==', ['geometry-type'], 'Point'],
    paint: { 'circle-color': color, 'circle-radius': radius, 'circle-stroke-color': ground, 'circle-stroke-width': 1 },
  });
  return {
    version: 8,
    sources: Object.fromEntries(sources),
    layers: [
      { id: 'ground', type: 'background', paint: { 'background-color': ground } },
      line('grid', 'grid', grid, 1),
      fill('cells', 'scenes', cell, ['*', 0.6, ['coalesce', ['get', 'share'], 0]]),
      fill('scenes-fill', 'scenes', cell, ['case', ['has', 'share'], 0, 0.1]),
      line('scenes', 'scenes', scene, ['case', ['has', 'share'], 0, 1]),
      dots('scenes-dots', 'scenes', scene, 3),
      line('hits-edge', 'hits', ground, 4, { 'line-opacity': ['*', 0.75, strong] }),
      line('hits', 'hits', hit, 2, { 'line-opacity': strong }),
      dots('hits-dots', 'hits', hit, 5),
      line('chosen-edge', 'chosen', hit, 5),
      line('chosen', 'chosen', chosen, 2.5),
      dots('chosen-dots', 'chosen', chosen, 7),
      fill('area-fill', 'area', hit, ['case', ['==', ['get', 'part'], 'mask'], 0.14, 0.06]),
      line('area', 'area', hit, 2, { 'line-dasharray': [3, 2] }),
    ],
  };
}

export class Place {
  constructor(container) {
    this.data = new Map();
    this.pictures = new Map();
    this.previews = new Set();
    this.quads = [];
    this.map = new maplibre.Map({
      container,
      style: styleOf(),
      attributionControl: false,
      dragRotate: false,
      pitchWithRotate: false,
      maxPitch: 0,
      maxZoom: 22,
      fadeDuration: 0,
    });
    this.map.touchZoomRotate.disableRotation();
    this.map.addControl(new maplibre.ScaleControl({ maxWidth: 90 }), 'bottom-right');
    this.map.addControl(new maplibre.NavigationControl({ showCompass: false }), 'top-right');
    this.map.getCanvas().setAttribute('aria-label', 'Map of the imagery; arrow keys move it, plus and minus zoom');
    this.ready = new Promise((resolve) => {
      this.map.once('load', resolve);
    });
    this.ready.then(() => {
      this.map.on('moveend', () => this.refresh());
      this.refresh();
    });
    dark.addEventListener('change', () => this.restyle());
  }

  /** The colours of the other scheme; pictures are asked for again from the browser's store. */
  restyle() {
    this.map.setStyle(styleOf(), { diff: false });
    this.map.once('styledata', () => {
      const pictures = [...this.pictures];
      this.pictures.clear();
      this.previews.clear();
      for (const [name, data] of this.data) this.map.getSource(name)?.setData(data);
      for (const [id, { url, corners, before }] of pictures) if (!id.startsWith('scene')) this.lay(id, url, corners, before);
      this.refresh();
    });
  }

  async put(name, data) {
    this.data.set(name, data);
    await this.ready;
    this.map.getSource(name)?.setData(data);
  }

  /** All scenes, or cells with counts. */
  scenes(document) {
    const most = Math.max(1, ...document.features.map((one) => one.properties.tiles));
    const features = document.simplified
      ? document.features.map((one) => feature(one.geometry, { share: Math.sqrt(one.properties.tiles / most) }))
      : document.features.map((one) => feature(one.geometry));
    this.quads = document.features
      .filter((one) => one.properties.corners)
      .map((one) => ({ id: one.id, corners: one.properties.corners, box: extent([one.geometry]) }));
    this.whole = document.bbox;
    return this.put('scenes', collection(features)).then(() => this.refresh());
  }

  /** The hits, as outlines and as pictures at their places. */
  async hits(tiles) {
    await this.ready;
    this.put('hits', collection(tiles.filter((tile) => tile.footprint).map((tile) => feature(tile.footprint, { strength: strength(tile, tiles[0]) }))));
    const shown = new Map(tiles.slice(0, PICTURES).map((tile) => [`tile-${tile.id}`, tile]));
    for (const id of this.pictures.keys()) if (id.startsWith('tile-') && !shown.has(id)) this.lift(id);
    for (const [id, tile] of [...shown].reverse()) this.lay(id, api.thumbnail(tile.id), cornersOf(tile.footprint), 'hits-edge');
  }

  /** The tile that is chosen, or none; the words whose heat map lies over it, or none. */
  async choose(tile, text) {
    await this.ready;
    this.put('chosen', collection(tile?.footprint ? [feature(tile.footprint)] : []));
    this.lift('heat');
    if (tile && text) this.lay('heat', api.heat(tile.id, text), cornersOf(tile.footprint), 'hits-edge');
  }

  /** The area that is searched in: a ring of corners, or none. */
  area(ring, closed = true) {
    if (!ring?.length) return this.put('area', NOTHING);
    if (!closed) return this.put('area', collection([feature({ type: 'LineString', coordinates: ring })]));
    const world = [[-540, -85], [540, -85], [540, 85], [-540, 85], [-540, -85]];
    return this.put(
      'area',
      collection([
        feature({ type: 'Polygon', coordinates: [world, ring] }, { part: 'mask' }),
        feature({ type: 'LineString', coordinates: ring }),
      ]),
    );
  }

  /** Bring a box into view. */
  fit(box, most = 17) {
    if (!box) return;
    const quick = matchMedia('(prefers-reduced-motion: reduce)').matches;
    this.map.fitBounds([[box[0], box[1]], [box[2], box[3]]], { padding: 48, maxZoom: most, duration: quick ? 0 : 500 });
  }

  fitAll() {
    this.fit(this.whole);
  }

  /** Move only as far as it takes to see a tile. */
  reveal(tile) {
    const box = tile.footprint && extent([tile.footprint]);
    if (!box) return;
    const seen = this.map.getBounds();
    const inside = seen.contains([box[0], box[1]]) && seen.contains([box[2], box[3]]);
    if (!inside) this.map.easeTo({ center: [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2], duration: 300 });
  }

  view() {
    const bounds = this.map.getBounds();
    const turn = (x) => ((((x + 180) % 360) + 360) % 360) - 180;
    const wide = bounds.getEast() - bounds.getWest() >= 360;
    return [
      wide ? -180 : turn(bounds.getWest()),
      Math.max(-90, bounds.getSouth()),
      wide ? 180 : turn(bounds.getEast()),
      Math.min(90, bounds.getNorth()),
    ];
  }

  lay(id, url, corners, before) {
    if (!corners || this.pictures.has(id)) return;
    this.pictures.set(id, { url, corners, before });
    this.map.addSource(id, { type: 'image', url, coordinates: corners });
    this.map.addLayer({ id, type: 'raster', source: id, paint: { 'raster-fade-duration': 0 } }, before);
  }

  lift(id) {
    if (!this.pictures.delete(id)) return;
    this.map.removeLayer(id);
    this.map.removeSource(id);
  }

  /** What depends on the view: the grid of degrees, and previews of the largest scenes in it. */
  refresh() {
    const bounds = this.map.getBounds();
    const [west, south, east, north] = [bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()];
    this.put('grid', collection(meridians(west, south, east, north)));
    const seen = this.quads.filter(({ box }) => box[0] <= east && box[2] >= west && box[1] <= north && box[3] >= south);
    const area = ({ box }) => (box[2] - box[0]) * (box[3] - box[1]);
    const wanted = seen.sort((a, b) => area(b) - area(a)).slice(0, PREVIEWS);
    const kept = new Set(wanted.map(({ id }) => `scene-${id}`));
    for (const id of this.previews) {
      if (kept.has(id)) continue;
      this.lift(id);
      this.previews.delete(id);
    }
    for (const { id, corners } of wanted) {
      this.lay(`scene-${id}`, api.preview(id), corners, 'scenes-fill');
      this.previews.add(`scene-${id}`);
    }
  }
}

/** Lines of equal longitude and latitude, some five across. */
function meridians(west, south, east, north) {
  const rough = Math.max(east - west, (north - south) * 1.5) / 5;
  const steps = [30, 15, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005, 0.0002, 0.0001];
  const step = steps.find((one) => one <= rough) ?? 0.0001;
  const lines = [];
  for (let x = Math.ceil(west / step); x * step <= east; x += 1)
    lines.push([[x * step, Math.max(south, -85)], [x * step, Math.min(north, 85)]]);
  for (let y = Math.ceil(south / step); y * step <= north; y += 1) lines.push([[west, y * step], [east, y * step]]);
  return lines.map((coordinates) => feature({ type: 'LineString', coordinates }));
}
