"""A contact sheet as one HTML file: no script, nothing loaded from anywhere, light or dark by preference."""

from __future__ import annotations

import base64
import io
from html import escape

import numpy as np
from numpy.typing import NDArray

from swath.serving.sheet import Cell, Sheet

_STYLE = """
:root { color-scheme: light dark;
  --paper: #f5f5f3; --card: #fff; --ink: #1c1c1a; --soft: #6b6b66; --line: #dededa; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #161617; --card: #212123; --ink: #ececea; --soft: #9b9b96; --line: #343437; }
}
* { box-sizing: border-box; margin: 0; }
body { padding: 1.75rem clamp(1rem, 3vw, 3rem) 3rem; background: var(--paper); color: var(--ink);
  font: 14px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
header { margin-bottom: 1.5rem; }
h1 { font-size: 1.5rem; font-weight: 600; letter-spacing: -.01em; overflow-wrap: anywhere; }
header p, .none { color: var(--soft); }
ol { display: grid; grid-template-columns: repeat(auto-fill, minmax(190px, 1fr)); gap: 1rem; padding: 0;
  list-style: none; }
li { display: flex; flex-direction: column; background: var(--card); border: 1px solid var(--line);
  border-radius: 8px; overflow: hidden; }
.picture { position: relative; aspect-ratio: 1; background: var(--line); }
.picture img { width: 100%; height: 100%; object-fit: contain; display: block; }
.picture .heat { position: absolute; inset: 0; }
.picture:hover .heat { visibility: hidden; }
.picture b { position: absolute; top: .5rem; left: .5rem; min-width: 1.7em; padding: .1em .5em;
  text-align: center; border-radius: 1em; background: rgb(0 0 0 / .62); color: #fff; font-size: .8rem; }
.text { padding: .65rem .75rem .75rem; font-size: .8rem; color: var(--soft); }
.text > * { overflow-wrap: anywhere; }
.head { display: flex; justify-content: space-between; gap: .75rem; color: var(--ink); font-size: .875rem; }
.head .name { white-space: nowrap; overflow: hidden; text-overflow: ellipsis; font-weight: 600; }
.head .mark { font-variant-numeric: tabular-nums; white-space: nowrap; }
code { font: .72rem/1.6 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; user-select: all; }
@media print { body { padding: 0; } li { break-inside: avoid; } }
"""


def page(sheet: Sheet) -> str:
    """The whole file."""
    title = escape(sheet.title)
    cells = "\n".join(map(_cell, sheet.cells))
    body = f"<ol>\n{cells}\n</ol>" if cells else '<p class="none">Nothing was found.</p>'
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<header><h1>{title}</h1><p>{escape(sheet.subtitle)}</p></header>\n{body}\n</body>\n</html>\n"
    )


def _cell(cell: Cell) -> str:
    caption = cell.caption
    name, source = escape(caption.name), escape(caption.source)
    image = ""
    if cell.picture is not None:
        image = f'<img src="{_inline("jpeg", cell.picture)}" alt="{name}" loading="lazy">'
        if cell.heat is not None:
            shade = _shade(cell.heat, cell.picture)
            image += f'<img class="heat" src="{_inline("png", shade)}" alt="" loading="lazy">'
    mark = f"<b>{escape(caption.score)}</b> " if caption.score else ""
    facts = (caption.window, caption.place, caption.time)
    lines = "".join(f"<p>{escape(fact)}</p>" for fact in facts if fact)
    return (
        f'<li><div class="picture">{image}<b>{escape(caption.rank)}</b></div><div class="text">'
        f'<p class="head"><span class="name" title="{source}">{name}</span>'
        f'<span class="mark">{mark}{escape(caption.raw)}</span></p>'
        f"{lines}<code>{escape(caption.id)}</code></div></li>"
    )


def _shade(heat: NDArray[np.float32], picture: bytes) -> bytes:
    """The map in the proportions of the picture that it lies on."""
    from PIL import Image

    from swath.serving.heat import overlay_png

    with Image.open(io.BytesIO(picture), formats=("JPEG",)) as thumbnail:
        return overlay_png(heat, thumbnail.size)


def _inline(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
