"""The order of a run: blocks, servers shuffled in each, the cells of a server shuffled within."""

import hashlib
import random
from collections import Counter
from dataclasses import dataclass

from loadtests.lab.plan import Load, Plan
from loadtests.model.records import Level


@dataclass(frozen=True)
class PlannedCell:
    """One cell to be measured; `level` is None for a capacity search, which makes cells of its own."""

    id: str
    stem: str  # what the ids of its level, or of its search and that one's trials, begin with
    block: int
    order: int
    server: str
    scenario: str
    level: Level | None
    load: Load
    seed: int


def cell_id(stem: str, level: Level | None) -> str:
    """Such as `b01-asgi-uvicorn-download-small-u32`; a search ends in `search`."""
    return f"{stem}-search" if level is None else f"{stem}-{level.kind[0]}{level.value:g}"


def joined_names(plan: Plan) -> dict[tuple[str, str], str]:
    """A name for each server and scenario that are measured, joined by a dash; where two would be called
    alike, as `app-get` with `json` and `app` with `get-json`, by a sign that no label has.
    """
    pairs = [
        (server, label)
        for label, scenario in plan.scenarios.items()
        for server in plan.servers
        if not scenario.servers or server in scenario.servers
    ]
    counts = Counter("-".join(pair) for pair in pairs)
    return {pair: ("-" if counts["-".join(pair)] == 1 else "+").join(pair) for pair in pairs}


def planned_cells(plan: Plan) -> list[PlannedCell]:
    """Every cell of the plan in the order of the run; the same plan gives the same order."""
    cells: list[PlannedCell] = []
    names = joined_names(plan)
    for block in range(1, plan.blocks + 1):
        shuffle = random.Random(f"{plan.seed}/{block}")  # noqa: S311  an order, not a secret
        servers = list(plan.servers)
        shuffle.shuffle(servers)
        for server in servers:
            pairs = [
                (label, level)
                for label, scenario in plan.scenarios.items()
                if not scenario.servers or server in scenario.servers
                for level in levels(scenario.load or plan.load)
            ]
            shuffle.shuffle(pairs)
            for label, level in pairs:
                stem = f"b{block:02d}-{names[server, label]}"
                name = cell_id(stem, level)
                load = plan.scenarios[label].load or plan.load
                # Servers compared within a block get the same arrivals, hence no server in the seed.
                seed = _seed(plan.seed, block, label, level)
                cells.append(PlannedCell(name, stem, block, len(cells), server, label, level, load, seed))
    return cells


def levels(load: Load) -> list[Level | None]:
    """The levels of a load; `[None]` where they are searched for."""
    if load.level == "search":
        return [None]
    users: list[Level | None] = [Level(kind="users", value=value) for value in load.users]
    return users or [Level(kind="rate", value=value) for value in load.rates]


def _seed(seed: int, block: int, label: str, level: Level | None) -> int:
    text = f"{seed}/{block}/{label}/{level}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1
