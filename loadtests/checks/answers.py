"""Did the answers come, and were they all counted? A failed one makes the cell `invalid` (pure)."""

import numpy as np

from loadtests.checks.check import Rule
from loadtests.checks.failures import told
from loadtests.model.digits import digits
from loadtests.model.records import Check, CheckStatus, GeneratorDocument
from loadtests.model.samples import CENSORED, DROPPED, KINDS, OK, Samples

FAILED_SHARE = 0.001
LEAST_SHARE, EVEN_SHARE, FEWEST_ANSWERS = 0.05, 0.5, 10
BEGIN_SHARE = 0.1  # of the measuring phase
LITTLE_SHARE = 0.10
SHORTEST_TO_COUNT_S = 0.005  # half a beat of the heartbeat, which counts
FEWEST_TO_COUNT = 500
LONGEST_FOR_LITTLE = 0.05  # of the measuring phase: beyond it the requests at its edges decide


ANSWERS = Rule("answers", FAILED_SHARE, "share", "invalid")
REQUEST_COUNT = Rule("request count", 0.0, "requests", "invalid")
USER_SHARES = Rule("users' shares", LEAST_SHARE, "share", "invalid")
LITTLE = Rule("Little's law", LITTLE_SHARE, "share", "invalid")
LOCUST_WORKERS = Rule("Locust workers", 0.0, "processes", "invalid")


def answers(
    document: GeneratorDocument, samples: Samples, measured: Samples, limit: float = FAILED_SHARE
) -> Check:
    """Whether more than the `limit`, a share, of the requests failed."""
    failed = measured[(measured["kind"] != OK) & (measured["kind"] < CENSORED)]
    if not len(measured):
        why = "no request was due while measuring; " + _why_none(document, samples)
        return ANSWERS.judged("failed", 1.0, why, limit)
    outcome = told(measured, document.names)
    if not (measured["kind"] == OK).any():
        return ANSWERS.judged("failed", 1.0, outcome or _unanswered(measured), limit)
    share = len(failed) / len(measured)
    status: CheckStatus = "ok" if not share else "warning" if share <= limit else "failed"
    return ANSWERS.judged(status, share, outcome, limit)


def _why_none(document: GeneratorDocument, samples: Samples) -> str:
    waiting = int((samples["due_us"] + samples["last_byte_us"] >= document.measure_us).sum())
    return f"{waiting} from before were not answered in all that time" if waiting else "measure longer"


def _unanswered(measured: Samples) -> str:
    kinds, counts = np.unique(measured["kind"], return_counts=True)
    parts = [f"{count:,} {KINDS[kind]}" for kind, count in zip(kinds.tolist(), counts.tolist(), strict=True)]
    return f"none of {len(measured):,} requests was answered: {', '.join(parts)}"


def user_shares(document: GeneratorDocument, samples: Samples) -> Check:
    """The least of all users' answers over their mean, of those at work from its beginning on.

    A server that serves some connections and leaves the others waiting is fast only to those it serves.
    """
    if document.arrivals != "closed":
        return USER_SHARES.unknown("the open loop has no users")
    if any(isinstance(value, dict) for value in document.parameters.values()):
        return USER_SHARES.unknown("the users differ in their scenarios")
    late_us = document.warmup_us + BEGIN_SHARE * (document.measure_us - document.warmup_us)
    at_work = np.unique(samples["user"][samples["due_us"] < late_us])
    if not len(at_work):
        return USER_SHARES.unknown("no user was at work when the measuring phase began")
    ended = samples["due_us"] + samples["last_byte_us"]
    inside = (ended >= document.warmup_us) & (ended < document.measure_us)
    answered = samples["user"][inside & (samples["kind"] < CENSORED)]
    counts = np.bincount(answered, minlength=int(at_work.max()) + 1)[at_work]
    served = counts[counts > 0]
    if not len(served) or served.mean() < FEWEST_ANSWERS:
        return USER_SHARES.unknown("too few answers a user to tell")
    share = float(counts.min() / served.mean())
    none = int((counts == 0).sum())
    left = f"{none} of {len(counts)} users got no answer while measured, the others {served.mean():,.0f} each"
    uneven = f"one user got {int(counts.min())} answers where the mean is {served.mean():,.0f}"
    advice = (left if none else uneven) + ": the server does not serve all its connections alike"
    status: CheckStatus = "failed" if share < LEAST_SHARE else "warning" if share < EVEN_SHARE else "ok"
    return USER_SHARES.judged(status, share, advice)


def request_count(document: GeneratorDocument, samples: Samples, server_count: int | None) -> Check:
    """The server may miss requests that broke on the way, and must not have counted more than were sent."""
    if server_count is None:
        advice = "the server did not count (TWINS_COUNTERS)"
        return REQUEST_COUNT.unknown(advice)
    sent = document.sent + sum(clients.sent for clients in document.background)
    missing = sent - server_count
    on_the_way = ("reset", "truncated", "first-byte-timeout", "total-timeout", "protocol", "censored")
    broken = int(np.isin(samples["kind"], [KINDS.index(name) for name in on_the_way]).sum())
    broken += sum(clients.sent - clients.completed for clients in document.background)
    status: CheckStatus = "ok" if 0 <= missing <= broken else "failed"
    advice = f"{sent} requests were sent, the server counted {server_count}"
    return REQUEST_COUNT.judged(status, missing, advice, limit=float(broken))


def little(document: GeneratorDocument, measured: Samples, duration_s: float) -> Check:
    """|throughput x latency - concurrency| / concurrency, over the measuring phase.

    In the closed loop the concurrency is the users', in the open loop it was counted every 10 ms.
    """
    went = measured[measured["kind"] != DROPPED]
    mean_s = float(went["last_byte_us"].mean()) / 1e6 if len(went) else 0.0
    think_times = _think_times_s(document)
    think_s = max(think_times)
    users = len(np.unique(went["user"]))
    concurrency = document.in_flight_mean
    problem, advice = "", "the level is above what the server can do: arrivals and departures did not balance"
    if not len(went):
        problem = "no request was sent"
    elif max(mean_s, think_s) > LONGEST_FOR_LITTLE * duration_s:
        problem = "the requests are too long for so short a measuring phase"
    elif document.arrivals == "closed":
        concurrency = users - len(went) / duration_s * think_s - document.between_s / duration_s
        advice = "requests are missing, or not all users were busy"
        if users != document.users or concurrency <= 0:
            problem = "the number of users changed"
        elif len(think_times) > 1:
            problem = "the scenarios differ in their think time"
    elif concurrency is None or mean_s < SHORTEST_TO_COUNT_S or len(went) < FEWEST_TO_COUNT:
        problem = "the requests in flight are too few or too short to be counted"
    else:
        # counted were requests that had been taken up
        mean_s = float((went["last_byte_us"] - went["dequeued_us"]).mean()) / 1e6
    if problem or not concurrency:
        return LITTLE.unknown(problem)
    product = len(went) / duration_s * mean_s
    figure = abs(product - concurrency) / concurrency
    failed: CheckStatus = "failed" if document.arrivals == "closed" else "warning"
    advice = (
        f"throughput x latency is {digits(product)} with {digits(concurrency)} requests in flight; {advice}"
    )
    status: CheckStatus = "ok" if figure <= LITTLE_SHARE else failed
    return LITTLE.judged(status, figure, advice)


def _think_times_s(document: GeneratorDocument) -> set[float]:
    """Of one scenario, or of several that were measured together, whose parameters stand by their names."""
    several = [value for value in document.parameters.values() if isinstance(value, dict)]
    return {float(values.get("think_ms", 0) or 0) / 1000 for values in several or [document.parameters]}


def locust_workers(document: GeneratorDocument) -> Check:
    lost = document.lost_locust_workers
    advice = f"{lost} of {document.locust_workers} Locust workers were lost, and their requests with them"
    return LOCUST_WORKERS.judged("ok" if not lost else "failed", lost, advice)
