"""Where sources lie: paths, and addresses of what is read where it is."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urljoin

_ADDRESS = re.compile(r"(https?|s3|gs)://[^/]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Remote(os.PathLike[str]):
    """An address: `http://`, `https://`, `s3://` or `gs://`; `os.fspath` gives it as it was named."""

    url: str

    def __fspath__(self) -> str:
        return self.url

    def __str__(self) -> str:
        return self.url

    @property
    def path(self) -> str:
        """The address without what follows a question mark."""
        return self.url.partition("?")[0]

    @property
    def name(self) -> str:
        """What stands behind the last slash of the path."""
        return self.path.rstrip("/").rpartition("/")[2]

    @property
    def suffix(self) -> str:
        """As that of a path."""
        return os.path.splitext(self.name)[1]  # noqa: PTH122

    @property
    def parent(self) -> Remote:
        """The address up to the last slash of the path, without it."""
        return Remote(self.path.rstrip("/").rpartition("/")[0])

    def join(self, reference: str) -> Remote:
        """What a document at this address means by a reference, as browsers resolve it."""
        scheme, colon, rest = self.url.partition(":")
        # The standard library joins only what has one of the schemes that it knows.
        joined = urljoin(f"http{colon}{rest}", reference)
        return Remote(joined if is_address(reference) else scheme + joined[len("http") :])


Place: TypeAlias = Path | Remote


def is_address(text: str) -> bool:
    """Whether a text is an address that `Remote` takes, and no path."""
    return _ADDRESS.match(text) is not None


def place(source: str | os.PathLike[str]) -> Place:
    """A source as it was named: an address, or a path."""
    text = os.fspath(source)
    if is_address(text):
        return Remote(text)
    return Path(text)


def shown(path: os.PathLike[str] | str) -> str:
    """Render a path for messages: valid Unicode on one line, with odd bytes and controls escaped."""
    # Not by os.fsencode: where the locale is ASCII, that fails for names that others wrote.
    text = os.fspath(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
