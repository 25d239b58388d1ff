"""Failures by their names: of which requests, and what came in place of an answer (pure)."""

from collections import Counter
from collections.abc import Sequence

from pydantic import Field

from loadtests.model.records import Record
from loadtests.model.samples import CENSORED, KINDS, OK, Samples

TIMES = "\N{MULTIPLICATION SIGN}"
CAUSES = {
    "connect": "no connection",
    "connect-timeout": "no connection in time",
    "first-byte-timeout": "no answer in time",
    "total-timeout": "no whole answer in time",
    "reset": "reset",
    "truncated": "cut short",
    "length": "another length",
    "body": "other bytes",
    "protocol": "no HTTP/1.1",
}


class RequestFailures(Record):
    """Of the requests of one name that were due while measuring; what is unfinished or unsent is none."""

    name: str
    requests: int
    failed: int
    causes: dict[str, int] = Field(description="such as HTTP 500 or reset, the most frequent first")


def request_failures(measured: Samples, names: Sequence[str]) -> list[RequestFailures]:
    """Those names of which a request failed, in the order of `names`."""
    failed = measured[(measured["kind"] != OK) & (measured["kind"] < CENSORED)]
    checks = []
    for number, name in enumerate(names):
        ours = failed[failed["name"] == number]
        if len(ours):
            requests = int((measured["name"] == number).sum())
            checks.append(
                RequestFailures(name=name, requests=requests, failed=len(ours), causes=_causes(ours))
            )
    return checks


def told(measured: Samples, names: Sequence[str]) -> str:
    """Such as `219 of 9,812 failed: 110x reset, 109x HTTP 500 (order: 219 of 812)`; "" where none did."""
    failed = measured[(measured["kind"] != OK) & (measured["kind"] < CENSORED)]
    if not len(failed):
        return ""
    causes = ", ".join(f"{count:,} {TIMES} {cause}" for cause, count in _causes(failed).items())
    sentence = f"{len(failed):,} of {len(measured):,} failed: {causes}"
    by_name = request_failures(measured, names)
    if len(set(measured["name"].tolist())) > 1 and by_name:
        where = ", ".join(f"{entry.name}: {entry.failed:,} of {entry.requests:,}" for entry in by_name)
        sentence += f" ({where})"
    return sentence


def _causes(failed: Samples) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for kind, status in zip(failed["kind"].tolist(), failed["status"].tolist(), strict=True):
        name = KINDS[kind]
        counts[f"HTTP {status}" if name == "status" else CAUSES.get(name, name)] += 1
    return dict(sorted(counts.items(), key=lambda entry: (-entry[1], entry[0])))
