"""`generator.json`: what the generator says of itself, written whole or not at all."""

import os
import platform
from pathlib import Path
from typing import Any

import locust
from gevent.hub import get_hub

from loadtests.instrument.options import Options
from loadtests.instrument.schedule import mean_rate
from loadtests.lab.records import GeneratorDocument


def write_document(directory: Path, document: GeneratorDocument) -> None:
    """Write it beside its name and move it there: who finds the file finds a whole one."""
    unfinished = directory / f".generator.json.{os.getpid()}"
    with open(unfinished, "w", encoding="utf-8") as file:
        file.write(document.model_dump_json(indent=1))
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, directory / "generator.json")


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
        "warmup_us": round(options.warmup_s * 1e6),
    }
