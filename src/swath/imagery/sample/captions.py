"""Plain sentences about the small places, in the manner of captioned remote sensing data."""

from __future__ import annotations

CAPTIONS: dict[str, tuple[str, ...]] = {
    "beach": (
        "a beach with white waves near the green sea",
        "waves break on a sandy beach",
        "yellow sand lies beside the sea",
        "it is a piece of beach next to the ocean",
        "the coast with sand, foam and blue water",
    ),
    "marina": (
        "many boats are docked neatly in a harbour",
        "lots of white boats are moored along the jetties of a marina",
        "many boats are in a port",
        "rows of boats at the docks in dark water",
        "a harbor with many boats close together",
    ),
    "port": (
        "cargo ships lie at the quay of a port with containers",
        "a ship is docked in a port near cranes and warehouses",
        "a port with stacks of containers and a large ship",
        "ships are moored at a harbour quay",
    ),
    "bay": (
        "many boats are at anchor in a harbour behind a breakwater",
        "boats are scattered on the water of a bay",
        "some boats in a port near a breakwater",
        "several small boats on dark blue water",
    ),
    "planes": (
        "several planes are parked near a terminal in an airport",
        "many white planes are parked at an airport",
        "airplanes stand at the gates of a terminal building",
        "planes at an airport",
        "several airplanes are stopped on the apron",
    ),
    "airstrip": (
        "a plane is on the runway of an airport",
        "a runway with white markings beside green grass",
        "an airport runway and a taxiway",
        "two planes are on the runways of an airport",
    ),
    "small_airfield": (
        "many small planes are parked in rows near hangars",
        "light aircraft on the apron of an airport",
        "several small airplanes are neatly parked in an airport",
    ),
    "tanks": (
        "many round white storage tanks are arranged in rows",
        "several storage tanks are on bare ground",
        "round storage tanks",
        "a group of white cylindrical oil tanks",
        "storage tanks with pipes and walls around them",
    ),
    "two_tanks": (
        "some large storage tanks are near a road and several buildings",
        "two or three white storage tanks are on the grass",
        "round storage tanks beside an industrial building",
        "there are storage tanks with shadows",
    ),
    "stadium": (
        "a stadium with a football field in it",
        "an oval stadium is near a parking lot",
        "a stadium",
        "a large stadium with stands around a green field",
        "a football field is surrounded by the stands of a stadium",
    ),
    "houses": (
        "many houses are arranged in a residential area",
        "many buildings and green trees are in a residential area",
        "a residential area with houses, gardens and roads",
        "rows of houses on both sides of a street",
        "lots of houses with cars and trees in a neighborhood",
    ),
    "forest": (
        "many green trees are in a piece of forest",
        "a forest",
        "a dense forest of dark green trees",
        "it is a piece of green forest",
        "lots of trees grow close together",
    ),
    "fields": (
        "many pieces of farmland are together",
        "farmland",
        "rectangular green and brown fields",
        "it is a piece of farmland divided into fields",
        "crop fields with straight rows",
    ),
    "pivots": (
        "circular farmland watered by centre pivots",
        "round green fields on dry land",
        "farmland with circular fields",
        "there is a circular farm field",
        "centre pivot irrigation fields",
    ),
    "river": (
        "a river winds between green trees",
        "a curved river with sand banks",
        "a river",
        "many green trees are on two sides of a curved river",
        "a river goes through a forest",
    ),
    "bridge": (
        "a bridge over a river",
        "a bridge is over a river with green trees on two sides",
        "a road bridge crosses the water",
        "there are cars on a bridge across a river",
    ),
    "highway": (
        "a straight highway with some cars on it",
        "cars drive on a road with white lines",
        "a wide road with several lanes",
        "a highway goes through green land",
        "some cars are on a freeway",
    ),
    "car_park": (
        "many cars are parked in a parking lot",
        "a parking lot with cars",
        "lots of cars parked neatly in rows",
        "a car park full of cars",
        "many colourful cars are parked densely in a parking lot",
    ),
}
"""By the name of the function that draws the place."""
