// The page: what is asked, what comes back, and what each part of it is told.

import * as api from './api.js';
import * as detail from './detail.js';
import { byId, download, h, icon, iconButton } from './dom.js';
import { Drawing, ringOf } from './draw.js';
import { keys } from './keys.js';
import { extent, Place } from './map.js';
import * as results from './results.js';
import * as sessions from './sessions.js';
import { begin, change, dislike, letGo, like, onChange, queryOf, state } from './state.js';
import { timeline } from './timeline.js';

const FEW = 20; // what presets of rerankers hand on: beyond it the exact search answers alone
const MANY = 100;
const BROWSED = 60;
const page = { k: FEW, place: null, drawing: null, times: { set() {} }, chosen: null, hot: false, picture: null, asking: null };

function problem(error) {
  const notice = byId('notice');
  notice.hidden = !error;
  notice.textContent = error ? (error.message ?? error) : '';
}

function say(text) {
  byId('hint').hidden = !text;
  byId('hint').textContent = text ?? '';
}

/** Ask for what the state says, and show it; an older question is given up. */
async function ask() {
  page.asking?.abort();
  const mine = (page.asking = new AbortController());
  const now = state();
  const query = queryOf(now, page.k);
  const ranked = Boolean(query.text || query.like || query.unlike || page.picture);
  byId('status').classList.add('busy');
  try {
    if (ranked) {
      const answer = await api.search(query, page.picture, mine.signal);
      shown(answer.hits, ranked);
      byId('show-more').hidden = page.k === MANY || answer.hits.length < page.k;
      const took = answer.server === null ? answer.total : answer.server;
      status(`${count(answer.hits.length, 'hit')} in ${took.toFixed(took < 10 ? 1 : 0)} ms`, answer.pipeline);
    } else {
      const { total, tiles } = await api.browse({ ...query, k: BROWSED }, mine.signal);
      shown(tiles, ranked);
      byId('show-more').hidden = true;
      const filtered = query.where || query.bbox || query.area ? ' that pass the filters' : '';
      status(`${tiles.length < total ? `${tiles.length} of ` : ''}${count(total, 'tile')}${filtered}`, '');
    }
    problem(null);
  } catch (error) {
    if (error.name === 'AbortError') return;
    shown([], ranked);
    byId('show-more').hidden = true;
    status('', '');
    problem(error);
  } finally {
    if (page.asking === mine) byId('status').classList.remove('busy');
  }
}

const count = (number, noun) => `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`;

function status(text, pipeline) {
  byId('status').value = text;
  byId('pipeline').textContent = pipeline;
  byId('pipeline').title = pipeline;
}

function shown(tiles, ranked) {
  results.show(tiles);
  page.place?.hits(ranked ? tiles : []);
  byId('empty').hidden = tiles.length > 0;
  byId('empty').textContent = ranked ? 'Nothing passes the filters. Widen the place or the time.' : 'Nothing lies here.';
  for (const button of document.querySelectorAll('.exports button')) button.disabled = !ranked || !tiles.length;
  choose(tiles.find((tile) => tile.id === page.chosen?.id) ?? null, { quiet: true });
}

function choose(tile, { quiet = false } = {}) {
  page.chosen = tile;
  results.mark(tile?.id);
  const words = state().text.trim();
  detail.show(tile, { words, hot: page.hot, actions: { ...actions, close: () => choose(null), heat } });
  page.place?.choose(tile, page.hot ? words : '');
  if (tile && !quiet) page.place?.reveal(tile);
}

function heat() {
  page.hot = !page.hot;
  choose(page.chosen, { quiet: true });
  byId('why')?.focus();
}

const actions = {
  choose,
  more(tile) {
    page.picture = null;
    change({ text: '', likes: [tile.id], dislikes: [] });
  },
  like: (tile) => like(tile.id),
  dislike: (tile) => dislike(tile.id),
};

/** What the search is made of, each with a way to take it out. */
function parts({ likes, dislikes, box, area, time, where }) {
  const tile = (id, name, label) =>
    h('li', { class: name }, icon(name), h('img', { src: api.thumbnail(id), alt: label }), iconButton('close', `Let go: ${label}`, () => letGo(id)));
  const words = (text, label, clear) => h('li', {}, h('span', {}, text), iconButton('close', label, clear));
  byId('parts').replaceChildren(
    ...(page.picture ? [words(`Picture ${page.picture.name}`, 'Let go of the picture', () => pictured(null))] : []),
    ...likes.map((id, index) => tile(id, 'like', `liked tile ${index + 1}`)),
    ...dislikes.map((id, index) => tile(id, 'dislike', `disliked tile ${index + 1}`)),
    ...(box || area ? [words(box ? 'In the box' : 'In the polygon', 'Search everywhere', () => change({ box: null, area: null }))] : []),
    ...(time ? [words(time.map((one) => one.slice(0, 10)).join(' – '), 'All times', () => change({ time: null }))] : []),
    ...(where.trim() ? [words(where.trim(), 'Remove the filter', () => change({ where: '' }))] : []),
  );
}

function pictured(file) {
  page.picture = file;
  change({});
}

function filterOpen(open) {
  byId('filter').hidden = !open;
  byId('filter-open').setAttribute('aria-expanded', String(open));
}

function render(now) {
  if (document.activeElement !== byId('text')) byId('text').value = now.text;
  byId('where').value = now.where;
  parts(now);
  page.times.set(now.time);
  page.place?.area(now.box ? ringOf(now.box) : now.area);
  page.k = FEW;
  ask();
}

function wireSearch() {
  byId('search').addEventListener('submit', (event) => {
    event.preventDefault();
    change({ text: byId('text').value });
  });
  byId('text').addEventListener('search', () => byId('text').value || change({ text: '' }));
  byId('picture').addEventListener('change', ({ target }) => {
    const [file] = target.files;
    target.value = '';
    if (file) pictured(file);
  });
  byId('filter-open').addEventListener('click', () => {
    filterOpen(byId('filter').hidden);
    if (!byId('filter').hidden) byId('where').focus();
  });
  byId('filter').addEventListener('submit', (event) => {
    event.preventDefault();
    change({ where: byId('where').value });
  });
  byId('show-more').addEventListener('click', () => {
    page.k = MANY;
    ask();
  });
  byId('help-open').addEventListener('click', () => byId('help').showModal());
  for (const button of document.querySelectorAll('dialog .close'))
    button.addEventListener('click', () => button.closest('dialog').close());
}

function wirePlace() {
  const buttons = { box: byId('draw-box'), polygon: byId('draw-polygon') };
  const pressed = (kind) => {
    for (const [name, button] of Object.entries(buttons)) button.setAttribute('aria-pressed', String(name === kind));
  };
  page.drawing = new Drawing(page.place, {
    done: ({ box = null, area = null }) => (box || area ? change({ box, area }) : render(state())),
    said: (text) => {
      say(text);
      if (!text) pressed(null);
    },
  });
  for (const [kind, button] of Object.entries(buttons))
    button.addEventListener('click', () => draw(kind));
  byId('use-view').addEventListener('click', () => change({ box: page.place.view(), area: null }));
  byId('show-all').addEventListener('click', () => page.place.fitAll());
  page.place.map.on('mousemove', ({ lngLat }) => {
    byId('position').value = `${lngLat.lat.toFixed(5)}, ${lngLat.wrap().lng.toFixed(5)}`;
  });
  page.place.map.on('click', ({ lngLat }) => page.drawing.active || clicked(lngLat.wrap()));
  page.pressed = pressed;
}

/** Begin to draw, or stop where that is drawn already. */
function draw(kind) {
  if (!page.drawing) return;
  if (page.drawing.kind === kind) return stopped();
  page.drawing.start(kind);
  page.pressed(kind);
}

function stopped() {
  page.drawing.stop();
  render(state());
}

/** The best hit whose bounds hold a point is the one that was meant. */
function clicked({ lng, lat }) {
  const under = results.tiles().find(({ footprint }) => {
    const box = footprint && extent([footprint]);
    return box && box[0] <= lng && lng <= box[2] && box[1] <= lat && lat <= box[3];
  });
  choose(under ?? null);
  if (under) results.focus(under.id);
}

async function exports() {
  for (const format of await api.formats()) {
    const name = { geojson: 'GeoJSON', csv: 'CSV', geoparquet: 'GeoParquet' }[format] ?? format;
    const save = async () => {
      try {
        const suffix = format === 'geoparquet' ? 'parquet' : format;
        download(await api.exported(queryOf(state(), page.k), page.picture, format), `swath.${suffix}`);
      } catch (error) {
        problem(error);
      }
    };
    document.querySelector('.exports').append(h('button', { type: 'button', disabled: true, onclick: save }, name));
  }
}

function login() {
  const dialog = byId('login');
  dialog.addEventListener('cancel', (event) => event.preventDefault());
  let waiting = null;
  api.onLogin(() => {
    waiting ??= new Promise((resolve) => {
      dialog.showModal();
      byId('login-form').onsubmit = async (event) => {
        event.preventDefault();
        const right = await api.session(byId('token').value);
        byId('login-problem').hidden = right;
        byId('login-problem').textContent = right ? '' : 'That is not the token of this server.';
        if (!right) return;
        byId('token').value = '';
        waiting = null;
        dialog.close();
        resolve();
      };
    });
    return waiting;
  });
}

async function main() {
  login();
  wireSearch();
  results.onAction(actions);
  sessions.begin(problem);
  keys({ page, results, actions: { ...actions, heat, draw, stopped, choose } });
  begin();
  onChange(render);
  const [about, scenes] = await Promise.all([api.info(), api.scenes()]);
  const names = about.archives.map((one) => one.path.split('/').pop());
  byId('about').textContent = `${names.join(', ')} · ${count(scenes.tiles, 'tile')}`;
  byId('about').title = about.archives.map((one) => one.path).join('\n');
  document.title = `${names[0]} · swath`;
  const attributes = new Set(['time', ...about.archives.flatMap((one) => Object.keys(one.attributes))]);
  byId('attributes').replaceChildren(...[...attributes].map((name) => h('option', { value: `${name} ` })));
  page.times = timeline(scenes.times, (time) => change({ time }));
  if (scenes.placed) {
    page.place = new Place('map');
    page.place.scenes(scenes);
    page.place.map.fitBounds([scenes.bbox.slice(0, 2), scenes.bbox.slice(2)], { padding: 48, duration: 0, maxZoom: 17 });
    wirePlace();
  } else {
    document.body.classList.add('placeless');
  }
  await exports();
  render(state());
}

main().catch(problem);
