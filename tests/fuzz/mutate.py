"""Damage: to bytes, to text, and to the values of a JSON document."""

from __future__ import annotations

import json
from copy import deepcopy
from random import Random
from typing import Any

EDGES = (0, 1, -1, 127, 128, 255, 256, 65_535, 65_536, 2**31 - 1, 2**31, 2**32 - 1, 2**63, -(2**63), 10**30)
_LETTERS = "aZ_0 9.,;:<>=!()[]{}\"'\\/\t\n\r\0é家\u202e\u2028\ud800🏠"
_VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        "",
        "x" * 3000,
        "\0",
        "nan",
        [],
        {},
        [[]],
        0.5,
        -0.0,
        1e308,
        float("nan"),
        float("inf"),
    ),
    *EDGES,
)


def damage(data: bytes, random: Random) -> bytes:
    """The same with a few bytes changed, put in or taken out, and sometimes cut short."""
    changed = bytearray(data)
    for _ in range(random.choice((0, 1, 1, 2, 4, 16))):
        at = random.randrange(len(changed) + 1)
        kind = random.randrange(5)
        if kind == 0 and at < len(changed):
            changed[at] ^= 1 << random.randrange(8)
        elif kind == 1:
            width = random.choice((1, 2, 4, 8))
            order = random.choice(("little", "big"))
            changed[at : at + width] = (random.choice(EDGES) % 2 ** (8 * width)).to_bytes(width, order)
        elif kind == 2:
            changed[at:at] = random.randbytes(random.choice((1, 4, 64)))
        elif kind == 3:
            del changed[at : at + random.choice((1, 4, 64, 1000))]
        else:
            start = random.randrange(len(changed) + 1)
            changed[at:at] = changed[start : start + random.choice((4, 64))]
    if random.random() < 0.15:
        del changed[random.randrange(len(changed) + 1) :]
    return bytes(changed)


def garble(text: str, tokens: tuple[str, ...], random: Random) -> str:
    """The same with tokens, letters and pieces of itself put in, taken out or repeated."""
    for _ in range(random.choice((0, 1, 1, 2, 5))):
        at = random.randrange(len(text) + 1)
        end = min(len(text), at + random.choice((0, 1, 3, 10)))
        piece = random.choice(
            (
                "",
                random.choice(tokens),
                "".join(random.choices(_LETTERS, k=random.choice((1, 1, 3)))),
                text[random.randrange(len(text) + 1) :][:20],
                str(random.choice(EDGES)),
                random.choice("([{\"'-") * random.choice((1, 2, 3000)),
            )
        )
        text = text[:at] + piece + text[end:]
    return text


def disturb(document: Any, random: Random) -> Any:
    """The same JSON document with some values of other kinds, missing, repeated or far too deep."""
    document = json.loads(json.dumps(document))
    for _ in range(random.choice((0, 1, 1, 2, 4))):
        document = _disturb_one(document, random)
    return document


def _disturb_one(value: Any, random: Random) -> Any:
    if isinstance(value, dict | list) and value and random.random() < 0.85:
        key = random.choice(list(value) if isinstance(value, dict) else range(len(value)))
        if random.random() < 0.1:
            del value[key]
        elif isinstance(value, dict) and random.random() < 0.1:
            value[random.choice(("", "x", "format", key + " "))] = value.pop(key)
        else:
            value[key] = _disturb_one(value[key], random)
        return value
    # A copy: what is chosen may be disturbed in turn, and must not be met disturbed the next time.
    return deepcopy(random.choice((*_VALUES, _deep(random), value, [value, value], {"x": value})))


def _deep(random: Random) -> Any:
    value: Any = 0
    for _ in range(random.choice((2, 50, 400))):
        value = [value]
    return value


def written(document: Any, random: Random) -> bytes:
    """A disturbed document as bytes, now and then with damage to the bytes as well."""
    data = json.dumps(disturb(document, random), ensure_ascii=random.random() < 0.5)
    encoded = data.encode("utf-8", "surrogatepass")
    return damage(encoded, random) if random.random() < 0.3 else encoded
