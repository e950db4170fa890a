"""Tables of figures in the forms that papers and pages take."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from html import escape

Rows = Sequence[Sequence[str]]


def markdown(header: Sequence[str], rows: Rows, right: Collection[str] = ()) -> str:
    """A pipe table; `right` names the columns of numbers."""
    rule = ["---:" if name in right else "---" for name in header]
    lines = [_cells(header), rule, *map(_cells, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def latex(header: Sequence[str], rows: Rows, right: Collection[str] = ()) -> str:
    """A `tabular` with the rules of booktabs."""
    columns = "".join("r" if name in right else "l" for name in header)
    lines = [" & ".join(map(_tex, row)) + r" \\" for row in (header, *rows)]
    body = "\n".join(lines[1:])
    return (
        f"\\begin{{tabular}}{{{columns}}}\n\\toprule\n{lines[0]}\n\\midrule\n{body}\n\\bottomrule\n"
        "\\end{tabular}\n"
    )


def html(header: Sequence[str], rows: Rows, right: Collection[str] = ()) -> str:
    """A `table` element without style of its own but for the alignment of numbers."""

    def line(cells: Sequence[str], tag: str) -> str:
        made = (
            f'<{tag} style="text-align:right">{escape(cell)}</{tag}>'
            if name in right
            else f"<{tag}>{escape(cell)}</{tag}>"
            for cell, name in zip(cells, header, strict=True)
        )
        return f"<tr>{''.join(made)}</tr>"

    body = "\n".join(line(row, "td") for row in rows)
    return f"<table>\n<thead>\n{line(header, 'th')}\n</thead>\n<tbody>\n{body}\n</tbody>\n</table>\n"


FORMATS: dict[str, Callable[[Sequence[str], Rows, Collection[str]], str]] = {
    "markdown": markdown,
    "latex": latex,
    "html": html,
}


_TEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "_": r"\_",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "$": r"\$",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    ">": r"\textgreater{}",
    "<": r"\textless{}",
}


def _tex(text: str) -> str:
    return "".join(_TEX.get(character, character) for character in text)


def _cells(row: Sequence[str]) -> list[str]:
    return [cell.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ") for cell in row]
