// From when to when: two handles over a histogram of the archive's times.

import { byId, h } from './dom.js';

const STEPS = 400;

/** `times` is that of /scenes; `chosen` gets [from, to] as the filter reads moments, or null for all times. */
export function timeline(times, chosen) {
  const place = byId('timeline');
  place.hidden = !times || times.from === times.to;
  if (place.hidden) return { set: () => {} };
  const [first, last] = [Date.parse(times.from), Date.parse(times.to)];
  const most = Math.max(...times.counts);
  const bars = h('div', { class: 'bars', 'aria-hidden': 'true' });
  for (const count of times.counts) {
    const bar = h('span');
    bar.style.height = count ? `${10 + (90 * count) / most}%` : '0';
    bars.append(bar);
  }
  const handle = (label, value) =>
    h('input', { type: 'range', min: 0, max: STEPS, step: 1, value, 'aria-label': label, oninput: shown, onchange: settled });
  const said = h('output');
  const all = h('button', { type: 'button', class: 'plain', onclick: () => chosen(null) }, 'All times');
  let from;
  let to;
  const at = (step) => new Date(first + ((last - first) * step) / STEPS);
  const length = last - first > 2 * 864e5 ? 10 : 16;
  const text = (date) => date.toISOString().slice(0, length).replace('T', ' ');

  function ends() {
    return [Number(from.value), Number(to.value)].sort((a, b) => a - b);
  }

  function shown() {
    const [low, high] = ends();
    said.value = `${text(at(low))} – ${text(at(high))}`;
    from.setAttribute('aria-valuetext', text(at(Number(from.value))));
    to.setAttribute('aria-valuetext', text(at(Number(to.value))));
    all.hidden = low === 0 && high === STEPS;
    [...bars.children].forEach((bar, index) => {
      const middle = ((index + 0.5) * STEPS) / bars.children.length;
      bar.classList.toggle('out', middle < low || middle > high);
    });
  }

  function settled() {
    const [low, high] = ends();
    // The last moment has parts of a second that a step cannot name.
    const moments = [at(low), new Date(at(high).getTime() + (high === STEPS ? 1000 : 0))];
    chosen(low === 0 && high === STEPS ? null : moments.map((date) => date.toISOString().slice(0, 19)));
  }

  from = handle('From', 0);
  to = handle('To', STEPS);
  place.replaceChildren(h('div', { class: 'span' }, said, all), h('div', { class: 'handles' }, bars, from, to));
  shown();
  const step = (moment, other) =>
    moment ? Math.max(0, Math.min(STEPS, Math.round((STEPS * (Date.parse(`${moment}Z`) - first)) / (last - first)))) : other;
  return {
    set(time) {
      from.value = step(time?.[0], 0);
      to.value = step(time?.[1], STEPS);
      shown();
    },
  };
}
