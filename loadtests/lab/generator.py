"""The load generator's command line: Locust as a child process, one for each cell."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loadtests.lab.order import PlannedCell
from loadtests.lab.plan import Load, Time
from loadtests.lab.plan_server import PlanServer
from loadtests.model.children import own_command
from loadtests.model.records import Level
from loadtests.subjects.subject import Scenario

LOCUSTFILE = Path(__file__).parent.parent / "locustfile.py"
OPEN_LOOP_USERS = 1


def command(
    url: str,
    scenario: Scenario,
    parameters: Mapping[str, Any],
    *,
    cell: PlannedCell,
    level: Level,
    time: Time,
    directory: Path,
    files: Path | None,
    planned: PlanServer,
    requests: Path | None = None,
) -> list[str]:
    """What runs the generator of one cell; it writes `samples.bin`, `live.jsonl` and `generator.json`.

    `requests` is the file of a plan's own requests.
    """
    users = round(level.value) if level.kind == "users" else OPEN_LOOP_USERS
    return [
        *own_command("locust", "-f", str(LOCUSTFILE)),
        *("--headless", "--only-summary", "--host", url),
        *("--users", str(users), "--spawn-rate", str(users), scenario.user_class),
        *("--twins-out", str(directory.resolve()), "--twins-seed", str(cell.seed)),
        *("--twins-warmup", f"{time.warmup_s:g}", "--twins-duration", f"{time.measure_s:g}"),
        *_warmup_arguments(cell.load, time),
        *("--twins-drain", f"{time.drain_s:g}"),
        *_load_arguments(cell.load, level),
        *(("--twins-files", str(files)) if files is not None else ()),
        *(("--twins-requests", str(requests.resolve())) if requests is not None else ()),
        *(("--twins-authority", planned.ca) if planned.ca is not None else ()),
        *(("--twins-insecure", "yes") if planned.insecure else ()),
        *scenario.arguments(parameters),
    ]


def environment(calibration: Mapping[str, Any] | None, home: Path) -> dict[str, str]:
    """gevent's backend as calibration found it best on this machine; its default where none was made.

    The user's home would bring Locust's configuration, and the credentials of `.netrc`: `home` holds neither.
    """
    loop = (calibration or {}).get("loop")
    return {"HOME": str(home.resolve()), **({"GEVENT_BACKEND": str(loop)} if loop else {})}


def _warmup_arguments(load: Load, time: Time) -> list[str]:
    """A load that changes over time is never steady: its warm-up is a fixed part of its schedule."""
    if load.profile or load.schedule or time.longest_warmup_s == time.warmup_s:
        return []
    return ["--twins-warmup-max", f"{time.longest_warmup_s:g}"]


def _load_arguments(load: Load, level: Level) -> list[str]:
    arguments = ["--twins-client", load.client, "--twins-connections", load.connections]
    if level.kind == "rate":
        rate = f"{level.value:g}" if load.profile is None else scaled(load.profile, level.value)
        arguments += ["--twins-rate", rate, "--twins-arrivals", load.schedule or load.arrivals]
    return arguments


def scaled(profile: str, rate: float) -> str:
    """The profile with its multiples turned into rates: `1x10,5x5` at 100 is `100x10,500x5`."""
    return re.sub(r"(?<![x\d.])[\d.]+", lambda number: f"{float(number[0]) * rate:g}", profile)
