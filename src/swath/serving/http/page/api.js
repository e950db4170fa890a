// What the server is asked. Every failure is a `Problem` with a sentence to show.

export class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

let login = async () => {};

/** Who to ask for the token when the server wants one. */
export function onLogin(ask) {
  login = ask;
}

async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Problem(0, 'The server does not answer. Is it still running?');
  }
  if (response.status === 401) {
    await login();
    return ask(path, options);
  }
  if (!response.ok) {
    const problem = await response.json().catch(() => ({}));
    throw new Problem(response.status, problem.detail || `The server answered ${response.status}.`);
  }
  return response;
}

const json = async (path, options) => (await ask(path, options)).json();

export const info = () => json('/info');
export const scenes = () => json('/scenes');

/** Tiles that pass the filters, unranked. */
export function browse(query, signal) {
  const parameters = new URLSearchParams({ k: query.k });
  for (const name of ['where', 'bbox']) if (query[name]) parameters.set(name, query[name]);
  if (query.area) parameters.set('area', JSON.stringify(query.area));
  return json(`/tiles?${parameters}`, { signal });
}

function body(query, picture) {
  const text = JSON.stringify(query);
  if (!picture) return { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: text };
  const form = new FormData();
  form.set('query', text);
  form.set('image', picture);
  return { method: 'POST', body: form };
}

/** Hits, with the milliseconds that the server and the whole way took. */
export async function search(query, picture, signal) {
  const begun = performance.now();
  const response = await ask('/search', { ...body(query, picture), signal });
  const answer = await response.json();
  const server = /dur=([0-9.]+)/.exec(response.headers.get('Server-Timing') || '');
  return { ...answer, server: server ? Number(server[1]) : null, total: performance.now() - begun };
}

/** The hits of a search as a file. */
export async function exported(query, picture, format) {
  return (await ask(`/export?format=${encodeURIComponent(format)}`, body(query, picture))).blob();
}

/** The kinds of files that the server can write. */
export async function formats() {
  const description = await json('/openapi.json');
  const parameters = description.paths['/export'].get.parameters;
  return parameters.find((one) => one.name === 'format').schema.enum;
}

/** Exchange the token for a cookie, which pictures are asked for with. True where it was right. */
export async function session(token) {
  const headers = { Authorization: `Bearer ${token}` };
  return (await fetch('/session', { method: 'POST', headers })).ok;
}

export const thumbnail = (id) => `/tiles/${id}/thumbnail`;
export const heat = (id, text) => `/tiles/${id}/heat?${new URLSearchParams({ text })}`;
export const preview = (id) => `/scenes/${id}/preview`;
