// What is being asked: one value, changed in one place. Files of sessions and links bring values from
// anywhere, so whatever is read is checked.

const ID = /^[0-9a-f]{32}$/;
const MOST = 24;

const EMPTY = { text: '', likes: [], dislikes: [], where: '', box: null, area: null, time: null };

let current = { ...EMPTY };
const listeners = [];

/** The present state; not to be changed. */
export const state = () => current;

/** Call with every new state, and with what kind of change it was. */
export const onChange = (listener) => listeners.push(listener);

/** Change some of it; `push` false leaves the way back as it is. */
export function change(some, { push = true } = {}) {
  current = { ...current, ...some };
  if (push) history.pushState(null, '', link(current));
  remember(current);
  for (const listener of listeners) listener(current);
}

/** Start anew from another state. */
export const replace = (other, options) => change({ ...EMPTY, ...other }, options);

export function like(id) {
  const { likes, dislikes } = current;
  change({ likes: added(likes, id), dislikes: dislikes.filter((one) => one !== id) });
}

export function dislike(id) {
  const { likes, dislikes } = current;
  change({ dislikes: added(dislikes, id), likes: likes.filter((one) => one !== id) });
}

export function letGo(id) {
  const { likes, dislikes } = current;
  change({ likes: likes.filter((one) => one !== id), dislikes: dislikes.filter((one) => one !== id) });
}

const added = (list, id) => [...list.filter((one) => one !== id), id].slice(-MOST);

/** The query that the server is sent. */
export function queryOf({ text, likes, dislikes, where, box, area, time }, k) {
  const filters = [where.trim() && `(${where.trim()})`];
  if (time) filters.push(`time >= ${time[0]}`, `time <= ${time[1]}`);
  const query = { k };
  if (text.trim()) query.text = text.trim();
  if (likes.length) query.like = likes;
  if (dislikes.length) query.unlike = dislikes;
  if (filters.some(Boolean)) query.where = filters.filter(Boolean).join(' and ');
  if (box) query.bbox = box;
  if (area) query.area = { type: 'Polygon', coordinates: [area] };
  return query;
}

/** A state from a value that may be anything. */
export function checked(given) {
  const from = given && typeof given === 'object' ? given : {};
  const words = (value) => (typeof value === 'string' ? value.slice(0, 1000) : '');
  const ids = (value) => (Array.isArray(value) ? value.filter((id) => ID.test(id)).slice(0, MOST) : []);
  const number = (value) => typeof value === 'number' && Number.isFinite(value);
  const corner = (value) => Array.isArray(value) && value.length === 2 && value.every(number);
  const moments = (value) =>
    Array.isArray(value) && value.length === 2 && value.every((one) => /^\d{4}-[\d:T-]{1,15}$/.test(one));
  const { box, area, time } = from;
  return {
    text: words(from.text),
    likes: ids(from.likes),
    dislikes: ids(from.dislikes),
    where: words(from.where),
    box: Array.isArray(box) && box.length === 4 && box.every(number) ? box : null,
    area: Array.isArray(area) && area.length > 3 && area.length < 500 && area.every(corner) ? area : null,
    time: moments(time) ? time : null,
  };
}

/** Without what is not said. */
export function brief(of) {
  return Object.fromEntries(
    Object.entries(of).filter(([, value]) => value !== null && value !== '' && value.length !== 0),
  );
}

const link = (of) => {
  const said = brief(of);
  return Object.keys(said).length ? `#${encodeURIComponent(JSON.stringify(said))}` : location.pathname;
};

/** The state that the address names, or else the one that this browser was left with. */
export function begin() {
  const named = parsed(decoded(location.hash.slice(1)));
  const left = parsed(localStorage.getItem('swath.now') || '');
  current = { ...EMPTY, ...checked(named || left) };
  addEventListener('popstate', () => replace(checked(parsed(decoded(location.hash.slice(1)))), { push: false }));
  return current;
}

export const remember = (of) => localStorage.setItem('swath.now', JSON.stringify(brief(of)));

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}

/** A value from JSON; null for what is none. */
export function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
