"""The order of a run: blocks, servers shuffled in each, the cells of a server shuffled within."""

import hashlib
import random
from dataclasses import dataclass

from loadtests.lab.plan import Load, Plan
from loadtests.model.records import Level


@dataclass(frozen=True)
class PlannedCell:
    """One cell to be measured; `level` is None for a capacity search, which makes cells of its own."""

    id: str
    block: int
    order: int
    server: str
    scenario: str
    level: Level | None
    load: Load
    seed: int


def cell_id(block: int, server: str, scenario: str, level: Level | None) -> str:
    """Such as `b01-asgi-uvicorn-download-small-u32`; a search ends in `search`."""
    suffix = "search" if level is None else f"{level.kind[0]}{level.value:g}"
    return f"b{block:02d}-{server}-{scenario}-{suffix}"


def planned_cells(plan: Plan) -> list[PlannedCell]:
    """Every cell of the plan in the order of the run; the same plan gives the same order."""
    cells: list[PlannedCell] = []
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
                name = cell_id(block, server, label, level)
                load = plan.scenarios[label].load or plan.load
                # Servers compared within a block get the same arrivals, hence no server in the seed.
                seed = _seed(plan.seed, block, label, level)
                cells.append(PlannedCell(name, block, len(cells), server, label, level, load, seed))
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
