// The keyboard: walking through the hits and judging them, without a mouse.

import { byId } from './dom.js';

const writes = (element) => element.matches('input:not([type=range]):not([type=file]), textarea, select');

/** Wire the keys; `page` says what is chosen and drawn, `actions` does what they ask for. */
export function keys({ page, results, actions }) {
  const judged = {
    l: (tile) => actions.like(tile),
    d: (tile) => actions.dislike(tile),
    h: () => actions.heat(),
  };

  /** The next hit takes the place of the one that was judged. */
  function judge(key) {
    const next = results.neighbour(page.chosen.id, 'ArrowRight') ?? results.neighbour(page.chosen.id, 'ArrowLeft');
    const tile = page.chosen;
    if (key !== 'h' && next) actions.choose(next);
    judged[key](tile);
  }

  function escape() {
    if (page.drawing?.active) actions.stopped();
    else if (page.chosen) actions.choose(null);
    else document.activeElement?.blur();
  }

  function arrow(event) {
    const inMap = event.target.closest('#map');
    if (inMap || event.target.matches('input')) return false;
    const next = results.neighbour(page.chosen?.id, event.key);
    if (!next) return false;
    actions.choose(next);
    results.focus(next.id);
    return true;
  }

  function drawn(event) {
    if (event.key === 'Enter') page.drawing.finish();
    else if (event.key === 'Backspace') page.drawing.back();
    else return false;
    return true;
  }

  function handled(event) {
    if (event.key === 'Escape') {
      escape();
      return true;
    }
    if (writes(event.target)) {
      if (event.key !== 'ArrowDown' || event.target.id !== 'text' || !results.tiles().length) return false;
      actions.choose(results.tiles()[0]);
      results.focus(results.tiles()[0].id);
      return true;
    }
    if (page.drawing?.active && drawn(event)) return true;
    if (event.key.startsWith('Arrow')) return arrow(event);
    if (event.key === '/') {
      byId('text').focus();
      byId('text').select();
      return true;
    }
    if (event.key === 'b' || event.key === 'p') {
      actions.draw(event.key === 'b' ? 'box' : 'polygon');
      return true;
    }
    if (page.chosen && event.key in judged) {
      judge(event.key);
      return true;
    }
    return false;
  }

  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
    if (handled(event)) event.preventDefault();
  });
}
