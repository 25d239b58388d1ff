"""Self-checks of a cell, from the generator's document and its samples (pure: no gevent, no Locust).

A failed check of the answers makes the cell `invalid`: there is no figure. A failed check of the
generator makes it `generator-limited`: the figure is a lower bound.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from loadtests.checks.answers import answers, little, locust_workers, request_count
from loadtests.checks.generator import ceiling_share, own_health, send_rate
from loadtests.checks.load import saturation, steady, unfinished, warmup
from loadtests.model.records import CellState, Check, GeneratorDocument
from loadtests.model.samples import MEASURE, Samples

GENERATOR = ("send rate", "send lateness", "loop lag", "run queue", "generator CPU")
ANSWERS = (
    "answers",
    "request count",
    "Little's law",
    "Locust workers",
    "background",
    "cold cache",
    "upstream hits",
)


def self_checks(
    document: GeneratorDocument,
    samples: Samples,
    *,
    server_count: int | None,
    ceiling: Mapping[str, Any] | None,
    slots: int | None = None,
    server_cpu_share: float | None = None,
) -> list[Check]:
    """All checks of a cell, in a fixed order; what cannot be known is `not available`, never ok.

    `server_count` is what the server under test counted, `ceiling` the calibration's document,
    `slots` how many requests it can serve at once, `server_cpu_share` its CPU seconds per second and core.
    """
    measured = np.asarray(samples[samples["phase"] == MEASURE])
    duration_s = max(1e-9, (document.measure_us - document.warmup_us) / 1e6)
    own = own_health(document)
    return [
        answers(document, samples, measured),
        request_count(document, samples, server_count),
        little(document, measured, duration_s),
        locust_workers(document),
        *document.conditions,
        send_rate(document, measured, healthy=all(check.status in ("ok", "warning") for check in own)),
        *own,
        warmup(document),
        steady(document, measured),
        unfinished(measured),
        ceiling_share(measured, duration_s, ceiling),
        saturation(document, measured, slots, server_cpu_share),
    ]


def cell_state(checks: Sequence[Check]) -> tuple[CellState, str | None]:
    """The state the checks amount to, and the reason where it is invalid or generator-limited."""
    for state, names in (("invalid", ANSWERS), ("generator-limited", GENERATOR)):
        failed = [check for check in checks if check.name in names and check.status == "failed"]
        if failed:
            return cast(CellState, state), "; ".join(f"{check.name}: {check.advice}" for check in failed)
    for check in checks:
        if check.name == "saturation" and check.figure is not None and check.limit is not None:
            return ("server-limited" if check.figure >= check.limit else "unsaturated"), None
    return "server-limited", None
