// The hits as a grid of pictures that keys walk through.

import * as api from './api.js';
import { byId, fileName, h, iconButton } from './dom.js';

const list = byId('hits');
let shown = [];
let actions = {};

/** What clicks and keys do: `choose`, `more`, `like`, `dislike`, each with a tile. */
export function onAction(given) {
  actions = given;
}

/** The probability that a hit matches, as people read it; empty where it is not known. */
export function sureness({ score }) {
  if (score === null || score === undefined) return '';
  return score < 0.01 ? '< 1 %' : `${Math.round(100 * score)} %`;
}

export function show(tiles) {
  shown = tiles;
  list.replaceChildren(...tiles.map(card));
  byId('results').scrollTop = 0;
}

export const tiles = () => shown;

function card(tile, place) {
  const name = fileName(tile.source);
  const rank = tile.rank ? `Hit ${tile.rank}, ` : '';
  const sure = sureness(tile);
  return h(
    'li',
    { 'data-id': tile.id },
    h(
      'button',
      {
        type: 'button',
        class: 'picture',
        tabindex: place ? -1 : 0,
        'aria-label': `${rank}${sure ? `${sure}, ` : ''}${name}`,
        onclick: (event) => (event.currentTarget.parentElement.classList.contains('chosen') ? actions.more(tile) : actions.choose(tile)),
      },
      h('img', { src: api.thumbnail(tile.id), alt: '', loading: place > 11 ? 'lazy' : 'eager', decoding: 'async' }),
      sure ? h('span', { class: 'sure' }, sure) : null,
    ),
    h(
      'span',
      { class: 'verdict' },
      iconButton('like', `More of this: ${name}`, () => actions.like(tile), { tabindex: -1 }),
      iconButton('dislike', `Less of this: ${name}`, () => actions.dislike(tile), { tabindex: -1 }),
      iconButton('more', `More like this: ${name}`, () => actions.more(tile), { tabindex: -1 }),
    ),
  );
}

const buttonOf = (id) => list.querySelector(`li[data-id="${CSS.escape(id)}"] .picture`);

/** Mark one of the hits, or none. */
export function mark(id) {
  for (const item of list.querySelectorAll('.chosen')) item.classList.remove('chosen');
  for (const button of list.querySelectorAll('.picture')) {
    const chosen = button.parentElement.dataset.id === id;
    button.parentElement.classList.toggle('chosen', chosen);
    button.setAttribute('aria-current', String(chosen));
    if (id) button.tabIndex = chosen ? 0 : -1;
  }
}

export function focus(id) {
  const button = buttonOf(id);
  button?.focus({ preventScroll: true });
  button?.scrollIntoView({ block: 'nearest' });
}

/** The tile that an arrow key leads to from another one; from none, the first. */
export function neighbour(id, key) {
  const from = shown.findIndex((tile) => tile.id === id);
  if (from < 0) return shown[0];
  const columns = getComputedStyle(list).gridTemplateColumns.split(' ').length;
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[key];
  return shown[from + step];
}
