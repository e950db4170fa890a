// What is known of the chosen tile.

import * as api from './api.js';
import { byId, fileName, h, icon, iconButton, moment } from './dom.js';
import { sureness } from './results.js';

const place = byId('detail');

/** Show a tile; `words` is what its heat map is about, empty where there are none. */
export function show(tile, { words, hot, actions }) {
  place.hidden = !tile;
  if (!tile) return place.replaceChildren();
  const { window: cut } = tile;
  const facts = [
    ['Match', sureness(tile)],
    ['Score', tile.raw === undefined || sureness(tile) ? '' : number(tile.raw)],
    ['Taken', tile.time ? moment(tile.time) : ''],
    ['Window', cut.width ? `${cut.column}, ${cut.row} · ${cut.width} × ${cut.height}` : ''],
    ['Where', centre(tile.footprint)],
    ...Object.entries(tile.attributes).map(([name, value]) => [name, number(value)]),
  ].filter(([, value]) => value !== '');
  const picture = h('div', { class: 'look' }, h('img', { src: api.thumbnail(tile.id), alt: '' }));
  if (hot && words) picture.append(h('img', { class: 'heat', src: api.heat(tile.id, words), alt: `Where in it “${words}” is` }));
  return place.replaceChildren(
    h(
      'header',
      {},
      h('h2', { title: tile.source }, fileName(tile.source)),
      iconButton('close', 'Close', actions.close),
    ),
    h(
      'div',
      { class: 'about-tile' },
      picture,
      h('dl', {}, ...facts.flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, String(value))])),
    ),
    h(
      'div',
      { class: 'row' },
      h('button', { type: 'button', class: 'primary', onclick: () => actions.more(tile) }, icon('more'), 'More like this'),
      iconButton('like', 'More of this', () => actions.like(tile)),
      iconButton('dislike', 'Less of this', () => actions.dislike(tile)),
      words
        ? h('button', { type: 'button', id: 'why', 'aria-pressed': String(hot), onclick: actions.heat }, icon('heat'), 'Why')
        : null,
    ),
  );
}

const number = (value) => (typeof value === 'number' ? Number(value.toPrecision(6)) : value);

function centre(footprint) {
  if (!footprint) return '';
  const flat = footprint.coordinates.flat(Infinity);
  const mean = (from) => {
    const some = flat.filter((_, index) => index % 2 === from);
    return (Math.min(...some) + Math.max(...some)) / 2;
  };
  return `${mean(1).toFixed(5)}, ${mean(0).toFixed(5)}`;
}
