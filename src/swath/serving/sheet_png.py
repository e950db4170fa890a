"""A contact sheet as one picture."""

from __future__ import annotations

import io
import math

from PIL import Image, ImageDraw, ImageFont

from swath.serving.heat import overlay
from swath.serving.sheet import Caption, Cell, Sheet

_SIDE = 224
"""Of a picture, in pixels."""
_GAP, _MARGIN = 20, 32
_HEADER, _NAME, _LINE_HEIGHT = 104, 38, 18
"""Heights of the header, of the name below a picture, and of each further line there."""
_PAPER, _CARD, _INK, _SOFT, _LINE = "#f5f5f3", "#ffffff", "#1c1c1a", "#6b6b66", "#dededa"
_MOST_COLUMNS, _FEWEST_COLUMNS = 6, 3


def draw(sheet: Sheet) -> bytes:
    """The PNG."""
    count = len(sheet.cells)
    columns = min(_MOST_COLUMNS, max(_FEWEST_COLUMNS, math.ceil(math.sqrt(1.4 * count))))
    rows = math.ceil(count / columns)
    text = _NAME + _LINE_HEIGHT * max((len(_facts(cell.caption)) for cell in sheet.cells), default=0)
    width = 2 * _MARGIN + columns * _SIDE + (columns - 1) * _GAP
    height = _HEADER + rows * (_SIDE + text + _GAP) + _MARGIN - (_GAP if rows else 0)
    image = Image.new("RGB", (width, height), _PAPER)
    pen = ImageDraw.Draw(image)
    room = width - 2 * _MARGIN
    _write(pen, (_MARGIN, 28), sheet.title, 26, _INK, room)
    _write(pen, (_MARGIN, 66), sheet.subtitle, 15, _SOFT, room)
    for place, cell in enumerate(sheet.cells):
        left = _MARGIN + place % columns * (_SIDE + _GAP)
        top = _HEADER + place // columns * (_SIDE + text + _GAP)
        _cell(image, pen, (left, top, left + _SIDE, top + _SIDE + text), cell)
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def _cell(image: Image.Image, pen: ImageDraw.ImageDraw, box: tuple[int, int, int, int], cell: Cell) -> None:
    left, top, right, bottom = box
    caption = cell.caption
    pen.rounded_rectangle((left - 1, top - 1, right, bottom), 7, _CARD, _LINE)
    pen.rectangle((left, top, left + _SIDE - 1, top + _SIDE - 1), _LINE)
    if cell.picture is not None:
        with Image.open(io.BytesIO(cell.picture), formats=("JPEG",)) as thumbnail:
            scale = _SIDE / max(thumbnail.size)
            size = (max(1, round(thumbnail.width * scale)), max(1, round(thumbnail.height * scale)))
            scaled = thumbnail.convert("RGB").resize(size, Image.Resampling.LANCZOS)
        corner = (left + (_SIDE - size[0]) // 2, top + (_SIDE - size[1]) // 2)
        image.paste(scaled, corner)
        if cell.heat is not None:
            shade = overlay(cell.heat, size)
            image.paste(shade, corner, shade)
    font = _font(14)
    label = pen.textlength(caption.rank, font)
    pen.rounded_rectangle((left + 8, top + 8, left + 24 + label, top + 30), 11, "#1c1c1a")
    pen.text((left + 16 + label / 2, top + 19), caption.rank, "#ffffff", font, anchor="mm")
    mark = f"{caption.score}  {caption.raw}" if caption.score else caption.raw
    taken = pen.textlength(mark, font)
    pen.text((left + _SIDE - 10 - taken, top + _SIDE + 10), mark, _INK, font)
    _write(pen, (left + 10, top + _SIDE + 10), caption.name, 14, _INK, _SIDE - 32 - round(taken))
    for line, fact in enumerate(_facts(caption)):
        _write(pen, (left + 10, top + _SIDE + 31 + _LINE_HEIGHT * line), fact, 12, _SOFT, _SIDE - 20)


def _facts(caption: Caption) -> list[str]:
    facts = (caption.window, caption.place, caption.time, caption.id[:12])
    return [fact for fact in facts if fact]


def _write(
    pen: ImageDraw.ImageDraw, at: tuple[int, int], text: str, size: int, colour: str, room: int
) -> None:
    """One line, cut in the middle where there is no room for it, for both ends of a name tell most."""
    font = _font(size)
    text = " ".join(text.split()).encode("utf-8", "replace").decode()
    keep = len(text)
    line = text
    while pen.textlength(line, font) > room and keep > 1:
        keep -= 1
        line = f"{text[: (keep + 1) // 2]}…{text[len(text) - keep // 2 :]}"
    pen.text(at, line, colour, font)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
