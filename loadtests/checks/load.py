"""Was the cell measured in a steady state, to its end, and how far was the server pressed? (pure)"""

import numpy as np

from loadtests.checks.check import Rule
from loadtests.checks.generator import FEWEST_SENT_SHARE
from loadtests.model.records import Check, CheckStatus, GeneratorDocument
from loadtests.model.samples import CENSORED, DROPPED, OK, Samples

UNSTEADY_SHARE = 0.20
SATURATED_SHARE = 0.80

WARM_UP = Rule("warm-up", None, "s")
STEADY_STATE = Rule("steady state", UNSTEADY_SHARE, "share")
UNFINISHED = Rule("unfinished", 0.0, "requests")
SATURATION = Rule("saturation", SATURATED_SHARE, "share", "unsaturated")


def warmup(document: GeneratorDocument) -> Check:
    """Seconds that were warmed up, and whether the run was steady by then."""
    most_us = document.warmup_max_us
    problem = {"planned": "its length was fixed", "too few requests": "too few requests to tell if steady"}
    if document.warmup_end in problem:
        return WARM_UP.unknown(problem[document.warmup_end])
    status: CheckStatus = "ok" if document.warmup_end == "steady" else "warning"
    advice = "throughput and response time changed still when it had to end; raise time.warmup_max_s"
    limit = None if most_us is None else most_us / 1e6
    return WARM_UP.judged(status, document.warmup_us / 1e6, advice, limit)


def steady(document: GeneratorDocument, measured: Samples) -> Check:
    """Successes of the second half over those of the first, as a difference."""
    middle = (document.warmup_us + document.measure_us) / 2
    ended = (measured["due_us"] + measured["last_byte_us"])[measured["kind"] == OK]
    first = int((ended < middle).sum())
    second = int(((ended >= middle) & (ended < document.measure_us)).sum())
    if first + second < 100:
        return STEADY_STATE.unknown("too few requests to tell")
    figure = abs(second - first) / ((first + second) / 2)
    advice = "throughput changed between the halves of the measuring phase; warm up or measure longer"
    return STEADY_STATE.judged("ok" if figure <= UNSTEADY_SHARE else "warning", figure, advice)


def unfinished(measured: Samples) -> Check:
    count = int((measured["kind"] == CENSORED).sum())
    advice = f"{count} requests were unfinished at the end of the drain; their times are lower bounds"
    return UNFINISHED.judged("ok" if not count else "warning", count, advice)


def saturation(
    document: GeneratorDocument, measured: Samples, slots: int | None, server_cpu_share: float | None
) -> Check:
    """How far the server was pressed: its CPU, its slots, or arrivals it could not keep up with."""
    known = [] if server_cpu_share is None else [min(1.0, server_cpu_share)]
    if document.arrivals == "closed":
        if slots:
            known.append(min(1.0, document.users / slots))
    elif len(measured):
        ended = measured["due_us"] + measured["last_byte_us"]
        kept_up = ((measured["kind"] == OK) & (ended <= document.measure_us)).sum()
        # one response time's worth of arrivals is always under way at the end
        under_way = float(np.median(measured["last_byte_us"])) / max(
            1, document.measure_us - document.warmup_us
        )
        refused = float((measured["kind"] == DROPPED).mean()) > 1 - FEWEST_SENT_SHARE
        known.append(1.0 if refused or kept_up / len(measured) < 0.98 - under_way else 0.0)
    if not known:
        return SATURATION.unknown("neither the server's slots nor its CPU are known")
    return SATURATION.judged("ok", max(known), "")
