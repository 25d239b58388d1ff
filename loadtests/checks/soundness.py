"""Self-checks of a cell, from the generator's document and its samples (pure: no gevent, no Locust).

Each check carries its consequence: a failed one of the answers makes the cell `invalid`, without a figure; a
failed one of the generator makes it `generator-limited`, its figure a lower bound.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from loadtests.checks.answers import (
    FAILED_SHARE,
    answers,
    little,
    locust_workers,
    request_count,
    user_shares,
)
from loadtests.checks.balance import balance
from loadtests.checks.generator import among, ceiling_share, own_health, send_rate
from loadtests.checks.load import saturation, steady, unfinished, warmup
from loadtests.model.counters import Slot
from loadtests.model.records import CellState, Check, GeneratorDocument
from loadtests.model.samples import MEASURE, Samples

STATES_OF_FAILURE: tuple[Literal["invalid", "generator-limited"], ...] = ("invalid", "generator-limited")


def self_checks(
    document: GeneratorDocument,
    samples: Samples,
    *,
    server_count: int | None,
    counted: Sequence[Slot] | None = None,
    ceiling: Mapping[str, Any] | None,
    processes: int | None = None,
    slots: int | None = None,
    server_cpu_share: float | None = None,
    shared_processors: int | None = None,
    error_share: float = FAILED_SHARE,
) -> list[Check]:
    """All checks of a cell, in a fixed order; what cannot be known is `not available`, never ok.

    `server_count` is what the server under test counted, `counted` what each of its processes did, `ceiling`
    the calibration's document, `slots` how many requests it can serve at once, `server_cpu_share` its CPU
    seconds per second and core.
    `error_share` is the share of requests that may fail.
    """
    measured = np.asarray(samples[samples["phase"] == MEASURE])
    duration_s = max(1e-9, (document.measure_us - document.warmup_us) / 1e6)
    own = own_health(document) if shared_processors is None else among(document, shared_processors)
    return [
        answers(document, samples, measured, error_share),
        user_shares(document, samples),
        request_count(document, samples, server_count),
        little(document, measured, duration_s),
        locust_workers(document),
        *document.conditions,
        send_rate(document, measured, healthy=all(check.status in ("ok", "warning") for check in own)),
        *own,
        warmup(document),
        steady(document, measured),
        unfinished(measured),
        *balance(counted, processes),
        ceiling_share(measured, duration_s, ceiling),
        saturation(document, measured, slots, server_cpu_share),
    ]


def cell_state(checks: Sequence[Check]) -> tuple[CellState, str | None]:
    """The state the checks amount to, and the reason where it is invalid or generator-limited."""
    for state in STATES_OF_FAILURE:
        failed = [check for check in checks if check.consequence == state and check.status == "failed"]
        if failed:
            return state, "; ".join(f"{check.name}: {check.advice}" for check in failed)
    pressed = [check for check in checks if check.consequence == "unsaturated" and check.limit is not None]
    unsaturated = any(check.figure is not None and check.figure < (check.limit or 0) for check in pressed)
    return "unsaturated" if unsaturated else "server-limited", None
