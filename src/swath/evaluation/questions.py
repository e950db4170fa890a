"""Questions as people ask them, for archives that come with none: to calibrate and to measure recall with.

They are put together from things that are seen from above. Whoever has questions of their own should take
these: a promise of coverage is about queries like those that it was calibrated with.
"""

from __future__ import annotations

import numpy as np

# fmt: off
THINGS = (
    "airport", "baseball field", "basketball court", "beach", "boats", "bridge", "bare land", "buildings",
    "cars", "church", "circular tank", "cliff", "commercial centre", "containers", "crops", "crossroads",
    "dam", "dense houses", "desert", "dry river", "factory", "farmland", "ferry", "field",
    "football pitch", "forest", "garden", "golf course", "grassland", "greenhouses", "harbour", "highway",
    "hills", "hospital", "houses", "industrial area", "island", "lake", "lawn", "meadow", "mine",
    "mountain", "orchard", "overpass", "palm trees", "park", "parking lot", "pier", "planes",
    "playground", "pond", "port", "power station", "quarry", "railway station", "railway tracks",
    "residential area", "rice fields", "river", "road", "rocks", "roundabout", "runway", "school", "sea",
    "ships", "snow", "solar panels", "sports field", "square", "stadium", "storage tanks", "stream",
    "swimming pool", "tennis court", "terminal", "tower", "town", "tracks", "trees", "trucks",
    "vegetation", "village", "vineyard", "viaduct", "warehouse", "water", "waves", "wetland",
    "wind turbines", "woods",
)
# fmt: on
WAYS = (
    "{0}",
    "{0} and {1}",
    "{0} near {1}",
    "{0} next to {1}",
    "{0} surrounded by {1}",
    "many {0} beside {1}",
    "a {2} {0}",
    "a {2} {0} with {1}",
    "some {0} are near a {2} {1}",
    "there is a {0} beside the {1}",
    "a picture of {0} taken from above",
    "{0} on both sides of {1}",
)
LOOKS = (
    "large",
    "small",
    "green",
    "white",
    "long",
    "narrow",
    "round",
    "square",
    "grey",
    "brown",
    "old",
    "busy",
)


def questions(count: int, seed: int = 0) -> tuple[str, ...]:
    """`count` different questions at most, the same for the same seed."""
    rng = np.random.default_rng(seed)
    found: dict[str, None] = {}
    for _ in range(20 * count):
        if len(found) == count:
            break
        one, other = (THINGS[i] for i in rng.choice(len(THINGS), 2, replace=False))
        way, look = WAYS[rng.integers(len(WAYS))], LOOKS[rng.integers(len(LOOKS))]
        found[way.format(one, other, look)] = None
    return tuple(found)
