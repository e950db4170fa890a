"""Airliners and light aircraft seen from above."""

from __future__ import annotations

from .canvas import Colour, Pen, Point, Ring, oval_ring, toned

TAILS: tuple[Colour, ...] = (
    (52, 78, 142),
    (178, 50, 46),
    (226, 226, 226),
    (58, 118, 110),
    (216, 152, 60),
    (58, 62, 74),
)


def _mirrored(half: Ring) -> list[Ring]:
    """A half shape on the right side, and its mirror image on the left."""
    return [half, [(u, -v) for u, v in half]]


def plane(pen: Pen, long: float = 52.0) -> None:
    """An airliner of `long` units around the origin, its nose at +u."""
    rng = pen.rng
    pen.record(
        "airport",
        "plane",
        [(long * 0.5, 0), (-long * 0.12, long * 0.5), (-long * 0.5, 0), (-long * 0.12, -long * 0.5)],
    )
    tone = float(rng.uniform(0.93, 1.0))
    body: Colour = (250 * tone, 250 * tone, 250 * tone)
    wing: Colour = (228 * tone, 230 * tone, 233 * tone)
    tail = TAILS[int(rng.integers(len(TAILS)))]
    span = long * float(rng.uniform(0.46, 0.5))
    girth = long * 0.052
    height = long * 0.11
    half_wing: Ring = [
        (long * 0.13, girth * 0.5), (-long * 0.135, span), (-long * 0.175, span), (-long * 0.09, span * 0.36),
        (-long * 0.085, girth * 0.5),
    ]  # fmt: skip
    pen.polygons(_mirrored(half_wing), wing, height)
    flaps: list[Ring] = _mirrored(
        [
            (-long * 0.078, girth),
            (-long * 0.155, span * 0.9),
            (-long * 0.17, span * 0.9),
            (-long * 0.09, girth),
        ]
    )
    pen.polygons(flaps, (196, 199, 203), height)
    for side in (-1, 1):
        pen.rect(long * 0.045, side * span * 0.36, long * 0.085, long * 0.035, (212, 214, 218), height * 0.8)
        pen.rect(long * 0.085, side * span * 0.36, long * 0.012, long * 0.032, tail, height * 0.82)
    stabiliser: Ring = [
        (-long * 0.36, girth * 0.4), (-long * 0.455, span * 0.38), (-long * 0.48, span * 0.38),
        (-long * 0.455, girth * 0.3),
    ]  # fmt: skip
    pen.polygons(_mirrored(stabiliser), wing, height * 1.1)
    nose: list[Point] = [(u, v) for u, v in oval_ring(long * 0.36, 0, long * 0.14, girth) if u >= long * 0.36]
    tube: Ring = [
        (-long * 0.28, -girth),
        *nose,
        (-long * 0.28, girth),
        (-long * 0.5, girth * 0.22),
        (-long * 0.5, -girth * 0.22),
    ]
    pen.polygon(tube, body, height * 1.25)
    if rng.random() < 0.35:
        pen.polygon([(u * 0.999, v * 0.9) for u, v in tube if u < -long * 0.2], tail, height * 1.25)
    pen.rect(0, 0, long * 0.72, girth * 0.8, toned(body, 1.02), height * 1.55)
    pen.rect(long * 0.455, 0, long * 0.018, girth * 1.1, (60, 66, 76), height * 1.25)
    pen.rect(-long * 0.44, 0, long * 0.12, max(0.8, girth * 0.26), tail, height * 2.7)


def light_plane(pen: Pen, long: float = 20.0) -> None:
    """A propeller aircraft of `long` units around the origin, straight wings, its nose at +u."""
    pen.record_box("airport", "plane", long, long)
    tail = TAILS[int(pen.rng.integers(len(TAILS)))]
    pen.rect(long * 0.14, 0, long * 0.17, long * 1.1, (244, 244, 244), long * 0.16)
    pen.rect(-long * 0.42, 0, long * 0.11, long * 0.36, (238, 238, 238), long * 0.14)
    girth = long * 0.055
    half: Ring = [(-long * 0.5, girth * 0.4), (long * 0.3, girth), (long * 0.46, 0)]
    pen.polygon([*half, *((u, -v) for u, v in reversed(half))], (248, 248, 248), long * 0.18)
    pen.rect(-long * 0.1, 0, long * 0.5, girth * 0.6, tail, long * 0.18)
