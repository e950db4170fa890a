// Elements are made here and nowhere from markup: what comes from an archive is only ever text.

/** The element with an id. */
export const byId = (id) => document.getElementById(id);

/** An element with attributes (`on…` are listeners, false and null are left out) and children. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const SVG = 'http://www.w3.org/2000/svg';

/** One of the symbols in index.html. */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  const use = document.createElementNS(SVG, 'use');
  use.setAttribute('href', `#i-${name}`);
  svg.setAttribute('aria-hidden', 'true');
  svg.append(use);
  return svg;
}

/** A button with a symbol, whose name is said aloud. */
export const iconButton = (name, label, onclick, attributes = {}) =>
  h('button', { type: 'button', 'aria-label': label, title: label, onclick, ...attributes }, icon(name));

/** Hand a file to whoever uses the page. */
export function download(blob, name) {
  const url = URL.createObjectURL(blob);
  h('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** The end of a path. */
export const fileName = (path) => path.split('/').pop() || path;

/** A moment as a day, with the time of day where it has one. */
export function moment(text) {
  const [day, clock = ''] = text.split('T');
  const time = clock.slice(0, 5);
  return time && time !== '00:00' ? `${day} ${time} UTC` : day;
}
