"""Self-checks of a cell, from the generator's document and its samples (pure: no gevent, no Locust).

A failed check of the answers makes the cell `invalid`: there is no figure. A failed check of the
generator makes it `generator-limited`: the figure is a lower bound. The limits stand here, once.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from loadtests.lab.records import CellState, Check, CheckStatus, GeneratorDocument
from loadtests.samples import CENSORED, DROPPED, KINDS, MEASURE, OK, Samples

FEWEST_SENT_SHARE = 0.99
LATENESS_US = 5_000.0
LAG_US = 20_000.0
STOPPED_US = 100_000.0
RUN_QUEUE_SHARE = 0.10
CPU_SHARE = 0.90
LITTLE_SHARE = 0.10
FAILED_SHARE = 0.01
UNSTEADY_SHARE = 0.20
CEILING_SHARE = 0.50
SATURATED_SHARE = 0.80
SHORTEST_TO_COUNT_S = 0.005  # half a beat of the heartbeat, which counts
FEWEST_TO_COUNT = 500
LONGEST_FOR_LITTLE = 0.05  # of the measuring phase: beyond it the requests at its edges decide

GENERATOR = ("send rate", "send lateness", "loop lag", "run queue", "generator CPU")
ANSWERS = ("answers", "request count", "Little's law", "Locust workers")


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
    return [
        _answers(measured),
        _request_count(document, samples, server_count),
        _little(document, measured, duration_s),
        _locust_workers(document),
        _send_rate(document, measured),
        _at_most(
            "send lateness",
            document.send_lateness_us.get("p99"),
            LATENESS_US,
            "us",
            "requests left later than they were due; give the generator a core of its own or lower the rate",
        ),
        _loop_lag(document),
        _at_most(
            "run queue",
            document.run_queue_share,
            RUN_QUEUE_SHARE,
            "share",
            "the generator stood ready and did not run; give it a core of its own",
        ),
        _at_most(
            "generator CPU",
            document.cpu_measure_share,
            CPU_SHARE,
            "share",
            "the generator was at its own limit; use more Locust workers or a lower level",
        ),
        _steady(document, measured),
        _unfinished(measured),
        _ceiling(measured, duration_s, ceiling),
        _saturation(document, measured, slots, server_cpu_share),
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


def _check(
    name: str, status: CheckStatus, figure: float | None, limit: float | None, unit: str, advice: str
) -> Check:
    if status == "not available" or figure is None:
        return Check(name=name, status="not available", figure=None, limit=limit, unit=unit, advice=advice)
    told = "" if status == "ok" else advice
    return Check(name=name, status=status, figure=float(figure), limit=limit, unit=unit, advice=told)


def _at_most(name: str, figure: float | None, limit: float, unit: str, advice: str) -> Check:
    status: CheckStatus = "ok" if figure is not None and figure <= limit else "failed"
    return _check(name, status, figure, limit, unit, advice if figure is not None else "it was not recorded")


def _answers(measured: Samples) -> Check:
    failed = measured[(measured["kind"] != OK) & (measured["kind"] < CENSORED)]
    if not len(measured):
        return Check(
            name="answers",
            status="failed",
            figure=1.0,
            limit=FAILED_SHARE,
            unit="share",
            advice="no request was due while measuring; measure longer",
        )
    if not (measured["kind"] == OK).any():
        status: CheckStatus = "failed"
    else:
        status = (
            "ok"
            if not len(failed)
            else "warning"
            if len(failed) <= FAILED_SHARE * len(measured)
            else "failed"
        )
    share = 1.0 if not (measured["kind"] == OK).any() else len(failed) / len(measured)
    return _check("answers", status, share, FAILED_SHARE, "share", _outcomes(measured))


def _outcomes(measured: Samples) -> str:
    kinds, counts = np.unique(measured["kind"][measured["kind"] != OK], return_counts=True)
    told = [f"{count} {KINDS[kind]}" for kind, count in zip(kinds.tolist(), counts.tolist(), strict=True)]
    return f"of {len(measured)} requests did not end as expected: {', '.join(told)}"


def _request_count(document: GeneratorDocument, samples: Samples, server_count: int | None) -> Check:
    """The server may miss requests that broke on the way, and must not have counted more than were sent."""
    if server_count is None:
        advice = "the server did not count (TWINS_COUNTERS)"
        return _check("request count", "not available", None, 0.0, "requests", advice)
    missing = document.sent - server_count
    on_the_way = ("reset", "truncated", "first-byte-timeout", "total-timeout", "protocol", "censored")
    broken = int(np.isin(samples["kind"], [KINDS.index(name) for name in on_the_way]).sum())
    status: CheckStatus = "ok" if 0 <= missing <= broken else "failed"
    advice = f"{document.sent} requests were sent, the server counted {server_count}"
    return _check("request count", status, missing, float(broken), "requests", advice)


def _little(document: GeneratorDocument, measured: Samples, duration_s: float) -> Check:
    """|throughput x latency - concurrency| / concurrency, over the measuring phase.

    In the closed loop the concurrency is the users', in the open loop it was counted every 10 ms.
    """
    went = measured[measured["kind"] != DROPPED]
    mean_s = float(went["last_byte_us"].mean()) / 1e6 if len(went) else 0.0
    think_s = float(document.parameters.get("think_ms", 0) or 0) / 1000
    users = len(np.unique(went["user"]))
    concurrency = document.in_flight_mean
    problem, advice = "", "the level is above what the server can do: arrivals and departures did not balance"
    if not len(went):
        problem = "no request was sent"
    elif max(mean_s, think_s) > LONGEST_FOR_LITTLE * duration_s:
        problem = "the requests are too long for so short a measuring phase"
    elif document.arrivals == "closed":
        concurrency = users - len(went) / duration_s * think_s
        advice = "requests are missing, or not all users were busy"
        if users != document.users or concurrency <= 0:
            problem = "the number of users changed"
    elif concurrency is None or mean_s < SHORTEST_TO_COUNT_S or len(went) < FEWEST_TO_COUNT:
        problem = "the requests in flight are too few or too short to be counted"
    else:
        # counted were requests that had been taken up
        mean_s = float((went["last_byte_us"] - went["dequeued_us"]).mean()) / 1e6
    if problem or not concurrency:
        return _check("Little's law", "not available", None, LITTLE_SHARE, "share", problem)
    product = len(went) / duration_s * mean_s
    figure = abs(product - concurrency) / concurrency
    failed: CheckStatus = "failed" if document.arrivals == "closed" else "warning"
    advice = f"throughput x latency is {product:.2f} with {concurrency:.2f} requests in flight; {advice}"
    status: CheckStatus = "ok" if figure <= LITTLE_SHARE else failed
    return _check("Little's law", status, figure, LITTLE_SHARE, "share", advice)


def _locust_workers(document: GeneratorDocument) -> Check:
    lost = document.lost_locust_workers
    advice = f"{lost} of {document.locust_workers} Locust workers were lost, and their requests with them"
    return _check("Locust workers", "ok" if not lost else "failed", lost, 0.0, "processes", advice)


def _send_rate(document: GeneratorDocument, measured: Samples) -> Check:
    """Requests sent while measuring over requests due then: leaving in the drain is not in time."""
    if not len(measured):
        return _check("send rate", "not available", None, FEWEST_SENT_SHARE, "share", "no request was due")
    sent = measured["kind"] != DROPPED
    if document.arrivals != "closed":
        sent &= measured["due_us"] + measured["dequeued_us"] <= document.measure_us
    figure = float(sent.mean())
    dropped = int((measured["kind"] == DROPPED).sum())
    late = len(measured) - int(sent.sum())
    advice = f"{late} of {len(measured)} arrivals were not sent in time, {dropped} of them dropped"
    status: CheckStatus = "ok" if figure >= FEWEST_SENT_SHARE else "failed"
    return _check("send rate", status, figure, FEWEST_SENT_SHARE, "share", advice)


def _loop_lag(document: GeneratorDocument) -> Check:
    p99, most = document.loop_lag_us.get("p99"), document.loop_lag_us.get("max")
    if p99 is not None and p99 <= LAG_US and most is not None and most > STOPPED_US:
        advice = f"the generator stood still for {most / 1000:.0f} ms"
        return _check("loop lag", "warning", p99, LAG_US, "us", advice)
    advice = f"the generator's loop was held up, for {(most or 0) / 1000:.0f} ms at the worst"
    return _at_most("loop lag", p99, LAG_US, "us", advice)


def _steady(document: GeneratorDocument, measured: Samples) -> Check:
    """Successes of the second half over those of the first, as a difference."""
    middle = (document.warmup_us + document.measure_us) / 2
    ended = (measured["due_us"] + measured["last_byte_us"])[measured["kind"] == OK]
    first = int((ended < middle).sum())
    second = int(((ended >= middle) & (ended < document.measure_us)).sum())
    if first + second < 100:
        return _check(
            "steady state", "not available", None, UNSTEADY_SHARE, "share", "too few requests to tell"
        )
    figure = abs(second - first) / ((first + second) / 2)
    advice = "throughput changed between the halves of the measuring phase; warm up or measure longer"
    return _check(
        "steady state",
        "ok" if figure <= UNSTEADY_SHARE else "warning",
        figure,
        UNSTEADY_SHARE,
        "share",
        advice,
    )


def _unfinished(measured: Samples) -> Check:
    count = int((measured["kind"] == CENSORED).sum())
    advice = f"{count} requests were unfinished at the end of the drain; their times are lower bounds"
    return _check("unfinished", "ok" if not count else "warning", count, 0.0, "requests", advice)


def _ceiling(measured: Samples, duration_s: float, ceiling: Mapping[str, Any] | None) -> Check:
    """The larger share of the calibrated requests/s and bytes/s."""
    name, good = "ceiling", measured[measured["kind"] == OK]
    shares = []
    for key, amount in (
        ("ceiling_requests_per_s", len(good)),
        ("ceiling_bytes_per_s", int(good["received_bytes"].sum())),
    ):
        most = (ceiling or {}).get(key)
        if most:
            shares.append(amount / duration_s / float(most))
    if not shares:
        return _check(
            name, "not available", None, CEILING_SHARE, "share", "run twins calibrate on this machine"
        )
    advice = "the level is above half of what the generator can do on this machine"
    figure = max(shares)
    return _check(
        name, "ok" if figure <= CEILING_SHARE else "warning", figure, CEILING_SHARE, "share", advice
    )


def _saturation(
    document: GeneratorDocument, measured: Samples, slots: int | None, server_cpu_share: float | None
) -> Check:
    """How far the server was pressed: its CPU, its slots, or arrivals it could not keep up with."""
    known = [] if server_cpu_share is None else [server_cpu_share]
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
        known.append(1.0 if kept_up / len(measured) < 0.98 - under_way else 0.0)
    if not known:
        advice = "neither the server's slots nor its CPU are known"
        return _check("saturation", "not available", None, SATURATED_SHARE, "share", advice)
    return _check("saturation", "ok", max(known), SATURATED_SHARE, "share", "")
