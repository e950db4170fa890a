// Searches to come back to: in this browser, and as files.

import { byId, download, h, iconButton } from './dom.js';
import { brief, checked, parsed, replace, state } from './state.js';

const KEY = 'swath.sessions';
const MOST = 100;
const LARGEST = 1_000_000;

const dialog = byId('sessions');
const stored = () => {
  const found = parsed(localStorage.getItem(KEY) || '[]');
  return Array.isArray(found) ? found : [];
};

function store(list) {
  localStorage.setItem(KEY, JSON.stringify(list.slice(0, MOST)));
  listed();
}

const nameOf = (of) => of.text || (of.likes.length ? `like ${of.likes.length} tiles` : 'a place');

function listed() {
  const rows = stored().map((one) => {
    const { name = '', saved = '' } = one ?? {};
    const resume = h(
      'button',
      { type: 'button', class: 'resume', onclick: () => resumed(one) },
      h('strong', {}, String(name).slice(0, 80)),
      h('span', {}, String(saved).slice(0, 10)),
    );
    const remove = iconButton('close', `Remove ${String(name).slice(0, 80)}`, () => store(stored().filter((other) => other.saved !== saved)));
    return h('li', {}, resume, remove);
  });
  byId('session-list').replaceChildren(...(rows.length ? rows : [h('li', { class: 'note' }, 'None yet.')]));
}

function resumed(session) {
  dialog.close();
  replace(checked(session?.state));
}

/** Wire the dialog; `problem` gets a sentence where a file is none of ours. */
export function begin(problem) {
  byId('sessions-open').addEventListener('click', () => {
    listed();
    byId('session-name').value = nameOf(state());
    dialog.showModal();
    byId('session-name').select();
  });
  byId('session-save').addEventListener('submit', (event) => {
    event.preventDefault();
    const name = byId('session-name').value.trim() || nameOf(state());
    store([{ name, saved: new Date().toISOString(), state: brief(state()) }, ...stored()]);
  });
  byId('session-export').addEventListener('click', () => {
    const name = byId('session-name').value.trim() || nameOf(state());
    const session = { swath: 1, name, saved: new Date().toISOString(), state: brief(state()) };
    download(new Blob([JSON.stringify(session, null, 1)], { type: 'application/json' }), 'session.swath.json');
  });
  byId('session-import').addEventListener('change', async (event) => {
    const [file] = event.target.files;
    event.target.value = '';
    if (!file) return;
    const session = file.size > LARGEST ? null : parsed(await file.text());
    if (session?.swath !== 1) {
      dialog.close();
      problem(`${file.name} is no session of swath.`);
      return;
    }
    resumed(session);
  });
}
