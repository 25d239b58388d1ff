"""Did the load generator keep up? A failed one makes the cell `generator-limited`: a lower bound (pure)."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from loadtests.checks.check import Rule
from loadtests.model.digits import digits
from loadtests.model.records import Check, CheckStatus, GeneratorDocument
from loadtests.model.samples import DROPPED, OK, Samples

FEWEST_SENT_SHARE = 0.99
LATENESS_US = 5_000.0
LAG_US = 20_000.0
STOPPED_US = 100_000.0
RUN_QUEUE_SHARE = 0.10
CPU_SHARE = 0.90
CEILING_SHARE = 0.50
SHARE_OF_ALL = 0.10  # of processors that are the server's, too


SEND_RATE = Rule("send rate", FEWEST_SENT_SHARE, "share", "generator-limited")
SEND_LATENESS = Rule("send lateness", LATENESS_US, "us", "generator-limited")
LOOP_LAG = Rule("loop lag", LAG_US, "us", "generator-limited")
RUN_QUEUE = Rule("run queue", RUN_QUEUE_SHARE, "share", "generator-limited")
GENERATOR_CPU = Rule("generator CPU", CPU_SHARE, "share", "generator-limited")
GENERATOR_SHARE = Rule("generator share", SHARE_OF_ALL, "share", "generator-limited")
CEILING = Rule("ceiling", CEILING_SHARE, "share")


def own_health(document: GeneratorDocument) -> list[Check]:
    """How the generator itself fared, whatever the server did."""
    return [
        SEND_LATENESS.at_most(
            document.send_lateness_us.get("p99"),
            "requests left later than they were due; give the generator a core of its own or lower the rate",
        ),
        _loop_lag(document),
        RUN_QUEUE.at_most(
            document.run_queue_share,
            "the generator stood ready and did not run; give it a core of its own",
        ),
        GENERATOR_CPU.at_most(
            document.cpu_measure_share,
            "the generator was at its own limit; use more Locust workers or a lower level",
        ),
    ]


def among(document: GeneratorDocument, processors: int) -> list[Check]:
    """The same of a generator among the server's own processors: it waits for them, and must take little.

    Its waits lengthen response times, and cost no throughput while the server has more to do: they warn.
    """
    waits = [
        check.model_copy(update={"consequence": "warning", "status": "warning"})
        if check.status == "failed"
        else check
        for check in own_health(document)
    ]
    return [*waits, _share_of_all(document, processors)]


def send_rate(document: GeneratorDocument, measured: Samples, *, healthy: bool) -> Check:
    """Requests sent while measuring over requests due then: leaving in the drain is not in time.

    Arrivals are dropped when the bound on requests in flight is reached. Where the generator was `healthy`,
    it is the server that did not answer: its throughput is what it can do, and the check is a warning.
    """
    if not len(measured):
        return SEND_RATE.unknown("no request was due")
    dropped = measured["kind"] == DROPPED
    late = np.zeros(len(measured), dtype=bool)
    if document.arrivals != "closed":
        late = ~dropped & (measured["due_us"] + measured["dequeued_us"] > document.measure_us)
    figure = 1 - float((dropped | late).mean())
    beyond = healthy and 1 - float(late.mean()) >= FEWEST_SENT_SHARE
    unsent, refused = int((dropped | late).sum()), int(dropped.sum())
    advice = f"{unsent} of {len(measured)} arrivals were not sent in time, {refused} of them dropped"
    if beyond:
        advice += ", as the server left too many unanswered: the level is above what it can do"
    status: CheckStatus = "ok" if figure >= FEWEST_SENT_SHARE else "warning" if beyond else "failed"
    return SEND_RATE.judged(status, figure, advice)


def _share_of_all(document: GeneratorDocument, processors: int) -> Check:
    """What the generator takes of the processors that it shares with the server."""
    share = None if document.cpu_measure_share is None else document.cpu_measure_share / processors
    advice = (
        f"the generator took {(share or 0) * 100:.0f} % of the {processors} processors that it shares; "
        "let each request be more work"
    )
    return GENERATOR_SHARE.at_most(share, advice)


def _loop_lag(document: GeneratorDocument) -> Check:
    p99, most = document.loop_lag_us.get("p99"), document.loop_lag_us.get("max")
    if p99 is not None and p99 <= LAG_US and most is not None and most > STOPPED_US:
        return LOOP_LAG.judged("warning", p99, f"the generator stood still for {digits(most / 1000)} ms")
    advice = f"the generator's loop was held up, for {digits((most or 0) / 1000)} ms at the worst"
    return LOOP_LAG.at_most(p99, advice)


def ceiling_share(measured: Samples, duration_s: float, ceiling: Mapping[str, Any] | None) -> Check:
    """The larger share of the calibrated requests/s and bytes/s."""
    good = measured[measured["kind"] == OK]
    shares = []
    for key, amount in (
        ("ceiling_requests_per_s", len(good)),
        ("ceiling_bytes_per_s", int(good["received_bytes"].sum())),
    ):
        most = (ceiling or {}).get(key)
        if most:
            shares.append(amount / duration_s / float(most))
    if not shares:
        return CEILING.unknown("run twins calibrate on this machine")
    advice = "the level is above half of what the generator can do on this machine"
    figure = max(shares)
    return CEILING.judged("ok" if figure <= CEILING_SHARE else "warning", figure, advice)
