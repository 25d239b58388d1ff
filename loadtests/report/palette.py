"""Which colour, mark and dash a server has: WSGI warm, ASGI cool, others neutral, in light and dark.

Charts are drawn in the light colours; on the page these become CSS variables, which is how it turns dark.
All reach a contrast of 3:1 against their background.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

INK, SOFT, GRID, GROUND, BAND = "#1b1f24", "#57606a", "#d8dee4", "#ffffff", "#eef1f4"
SURFACES = {
    "ink": (INK, "#e6edf3"),
    "soft": (SOFT, "#9ea7b3"),
    "grid": (GRID, "#343b44"),
    "ground": (GROUND, "#14181d"),
    "band": (BAND, "#20262d"),
}
FAMILIES = {
    "wsgi": (
        ("#b4470b", "#f0883e"),
        ("#8a5a00", "#d9a531"),
        ("#a11d33", "#ff7b8a"),
        ("#7a3e1d", "#d29574"),
        ("#c2410d", "#ffa66b"),
    ),
    "asgi": (
        ("#0b5fc4", "#58a6ff"),
        ("#0a7d72", "#3cc7b7"),
        ("#5b3fc4", "#a892ff"),
        ("#12708f", "#56c5e6"),
        ("#2a4a9c", "#8fb0ff"),
    ),
    "other": (
        ("#4f5863", "#aab4bf"),
        ("#86307f", "#e087d8"),
        ("#3d6b1f", "#8ccf63"),
        ("#6b6200", "#cfc24a"),
    ),
}
SHAPES = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross")
DASHES = ([1, 0], [7, 3], [2, 2], [9, 2, 2, 2], [13, 4], [1, 4])


@dataclass(frozen=True)
class Look:
    """`variable` is the CSS variable of the colour; `colour` and `dark` its two values."""

    variable: str
    colour: str
    dark: str
    shape: str
    dash: list[int]


Looks = Mapping[str, Look]


def family(server: str, interface: str | None) -> str:
    """The family of a server: what it says of itself, else what its name says."""
    for name in ("wsgi", "asgi"):
        if interface == name or (interface is None and name in server):
            return name
    return "other"


def looks(servers: Iterable[tuple[str, str | None]]) -> dict[str, Look]:
    """A look for each (server, interface): colour by its family, mark and dash by its place among all.

    No two of the first 36 share both mark and dash, so that they are told apart without colour.
    """
    seen: dict[str, int] = dict.fromkeys(FAMILIES, 0)
    chosen: dict[str, Look] = {}
    for server, interface in servers:
        place = len(chosen)
        kind = family(server, interface)
        number = seen[kind]
        seen[kind] += 1
        colours = FAMILIES[kind]
        colour, dark = colours[number % len(colours)]
        chosen[server] = Look(
            variable=f"--{kind}-{number % len(colours)}",
            colour=colour,
            dark=dark,
            shape=SHAPES[(place + place // len(SHAPES)) % len(SHAPES)],
            dash=list(DASHES[place % len(DASHES)]),
        )
    return chosen


def variables(chosen: Mapping[str, Look]) -> dict[str, str]:
    """Light colour to CSS variable, for every colour a chart may hold."""
    return {light: f"--{name}" for name, (light, _) in SURFACES.items()} | {
        look.colour: look.variable for look in chosen.values()
    }
