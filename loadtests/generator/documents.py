"""`generator.json`: what the generator says of itself, written whole or not at all."""

import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import locust
from gevent.hub import get_hub

from loadtests.load.options import Options
from loadtests.load.schedule import mean_rate
from loadtests.model.records import GeneratorDocument


def make_folder(out: Path | None) -> None:
    """Make the folder for the results, where one is asked for; raises ValueError with one plain sentence."""
    if out is None:
        return
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"--twins-out is '{out}', which cannot be made: {error.strerror}.") from None


def write_document(directory: Path, document: GeneratorDocument) -> None:
    """Write it beside its name and move it there: who finds the file finds a whole one."""
    unfinished = directory / f".generator.json.{os.getpid()}"
    with open(unfinished, "w", encoding="utf-8") as file:
        file.write(document.model_dump_json(indent=1))
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, directory / "generator.json")


def combined(parts: Sequence[GeneratorDocument], workers: int, lost: int) -> GeneratorDocument:
    """One document for all Locust workers: sums of what adds up, the worst of what does not."""
    first = parts[0]
    return first.model_copy(
        update={
            **{name: sum(getattr(part, name) for part in parts) for name in _SUMMED},
            **{name: _worst([getattr(part, name) for part in parts]) for name in _WORST},
            **{
                name: {q: _worst([getattr(part, name)[q] for part in parts]) for q in getattr(first, name)}
                for name in ("loop_lag_us", "send_lateness_us")
            },
            "background": [background for part in parts for background in part.background],
            "conditions": [check for part in parts for check in part.conditions],
            **{
                name: _sum([getattr(part, name) for part in parts])
                for name in ("in_flight_mean", "pss_start_bytes", "pss_end_bytes")
            },
            "measure_us": max(part.measure_us for part in parts),
            "end_us": max(part.end_us for part in parts),
            "locust_workers": workers,
            "lost_locust_workers": lost,
        }
    )


_SUMMED = ("users", "due", "sent", "prepared", "cpu_user_s", "cpu_system_s", "between_s")
_WORST = ("cpu_measure_share", "run_queue_share")


def _worst(figures: list[float | None]) -> float | None:
    known = [figure for figure in figures if figure is not None]
    return max(known) if len(known) == len(figures) else None


def _sum(figures: list[float | None]) -> float | None:
    known = [figure for figure in figures if figure is not None]
    return sum(known) if len(known) == len(figures) else None


def asked(options: Options, scenario: str, parameters: dict[str, Any], users: int) -> dict[str, Any]:
    """The part of the document that was known before the run."""
    rate = None
    if options.profile is not None:
        end_s = options.warmup_s + (options.duration_s or 1.0)
        rate = mean_rate(options.profile, options.warmup_s, end_s)
    return {
        "scenario": scenario,
        "parameters": parameters,
        "client": options.client,
        "connections": options.connections,
        "arrivals": options.arrivals if options.open_loop else "closed",
        "users": users,
        "rate_per_s": rate,
        "rate_profile": options.rate,
        "seed": options.seed,
        "loop": get_hub().loop.backend,
        "python": platform.python_version(),
        "locust": locust.__version__,
        "warmup_max_us": None if options.warmup_max_s is None else round(options.warmup_max_s * 1e6),
    }
