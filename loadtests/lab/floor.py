"""The machine's noise floor: how far a server seems to differ from itself in an A/A run.

The least difference that later runs on the same machine may call one.
"""

import json
from pathlib import Path

from loadtests import archive
from loadtests.analysis.floors import floor, spreads
from loadtests.analysis.summary import build
from loadtests.model.paths import cache_directory


def is_aa(run: Path) -> bool:
    """Whether a run compares a server with itself: all its entries differ in name alone."""
    servers = archive.read_manifest(run).plan.get("servers", {})
    return len(servers) > 1 and len({json.dumps(entry, sort_keys=True) for entry in servers.values()}) == 1


def keep_floor(run: Path) -> list[str]:
    """Remember the floors of an A/A run for its machine; a line per metric for the terminal."""
    answers = build([run]).answers
    floors = floor(answers)
    if not floors:
        return [
            "this run of one server beside itself gives no noise floor: it needs [[compare]] and valid cells."
        ]
    path, machine_id = _path(), archive.read_manifest(run).machine_id
    path.parent.mkdir(parents=True, exist_ok=True)
    known = {**_known(), machine_id: {**(read_floor(machine_id) or {}), **floors}}
    archive.write_text(path, json.dumps(known, indent=1) + "\n")
    lines = [
        f"{spread.metric:<20} {spread.id}: ratio {spread.ratio:.4f}, "
        + (
            "one block"
            if spread.low is None
            else f"{100 * spread.confidence:.4g} % interval {spread.low:.4f} to {spread.high:.4f}"
        )
        + f" over {spread.blocks} blocks"
        for spread in spreads(answers)
    ]
    return lines + [f"noise floor of {metric}: {share:.1%}" for metric, share in sorted(floors.items())]


def read_floor(machine_id: str) -> dict[str, float] | None:
    """The floors of this machine's last A/A run, metric to share; None where there was none."""
    floors = _known().get(machine_id)
    return {str(name): float(value) for name, value in floors.items()} if isinstance(floors, dict) else None


def _known() -> dict[str, object]:
    try:
        known = json.loads(_path().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _path() -> Path:
    return cache_directory() / "noise-floor.json"
