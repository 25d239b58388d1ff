"""What an address asks the upstream to do, and the chances of one visit (pure)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from random import Random
from urllib.parse import parse_qsl, urlsplit

DISTRIBUTIONS = ("constant", "exponential", "lognormal")
LOGNORMAL_SIGMA = 0.5  # of the logarithm; its p99 is 2.8 times its mean
LONGEST_MS = 600_000.0
LARGEST_BYTES = 2**40
PATTERN = bytes(range(256)) * 256
"""The body of every answer, over and over."""


@dataclass(frozen=True)
class Behaviour:
    """One address: `latency_ms` is the mean; jitter is added, uniform; shares are chances from 0 to 1.

    `announced_bytes` is the Content-Length where it shall not be the true one; None as size means a body
    without end; `bytes_per_s` 0 means at once.
    """

    latency_ms: float = 0.0
    distribution: str = "constant"
    jitter_ms: float = 0.0
    error_share: float = 0.0
    reset_share: float = 0.0
    bytes: int | None = 1024
    bytes_per_s: int = 0
    announced_bytes: int | None = None
    cut_bytes: int | None = None
    status: int = 200
    to: str | None = None
    seed: str | None = None


@dataclass(frozen=True)
class Visit:
    """What happens to one request."""

    latency_s: float
    reset: bool
    status: int


@lru_cache(maxsize=4096)
def read_behaviour(target: str) -> Behaviour:
    """The behaviour that a request target asks for; ValueError in a sentence for what cannot be done.

    Its path is free, but `/redirect` answers 302 with the address of `to`.
    """
    parts = urlsplit(target)
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    known = Behaviour.__dataclass_fields__
    for name in given:
        if name not in known and name != "n":  # n tells addresses apart that are otherwise alike
            near = get_close_matches(name, known, 1, 0)[0]
            raise ValueError(f"{name} is no parameter of the upstream; the nearest is {near}.")
    distribution = given.get("distribution", "constant")
    if distribution not in DISTRIBUTIONS:
        raise ValueError(f"distribution is {distribution!r}; it can be {', '.join(DISTRIBUTIONS)}.")
    redirect = parts.path == "/redirect"
    if redirect and not given.get("to"):
        raise ValueError("/redirect needs the address to lead to in to.")
    return Behaviour(
        latency_ms=_number(given, "latency_ms", LONGEST_MS),
        distribution=distribution,
        jitter_ms=_number(given, "jitter_ms", LONGEST_MS),
        error_share=_number(given, "error_share", 1),
        reset_share=_number(given, "reset_share", 1),
        bytes=None if given.get("bytes") == "endless" else _whole(given, "bytes", 0 if redirect else 1024),
        bytes_per_s=_whole(given, "bytes_per_s", 0),
        announced_bytes=_whole(given, "announced_bytes", 0) if "announced_bytes" in given else None,
        cut_bytes=_whole(given, "cut_bytes", 0) if "cut_bytes" in given else None,
        status=_status(given, 302 if redirect else 200),
        to=given.get("to"),
        seed=given.get("seed"),
    )


def visit(behaviour: Behaviour, chance: Random) -> Visit:
    """One request's fate."""
    latency_ms = behaviour.latency_ms
    if latency_ms and behaviour.distribution == "exponential":
        latency_ms = chance.expovariate(1 / latency_ms)
    elif latency_ms and behaviour.distribution == "lognormal":
        latency_ms = chance.lognormvariate(math.log(latency_ms) - LOGNORMAL_SIGMA**2 / 2, LOGNORMAL_SIGMA)
    latency_ms += behaviour.jitter_ms * chance.random() if behaviour.jitter_ms else 0.0
    reset = behaviour.reset_share > 0 and chance.random() < behaviour.reset_share
    error = behaviour.error_share > 0 and chance.random() < behaviour.error_share
    return Visit(latency_ms / 1000, reset, 503 if error else behaviour.status)


def seeded(behaviour: Behaviour, target: str, number: int) -> Random:
    """The chances of the `number`th visit of an address: the same in every run of the same seed."""
    return Random(f"{behaviour.seed} {target} {number}")  # noqa: S311 - a simulation, no secret


def _number(given: Mapping[str, str], name: str, most: float) -> float:
    text = given.get(name, "0")
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= most:
        raise ValueError(f"{name} is {text!r}; it must be a number from 0 to {most:g}.")
    return number


def _whole(given: Mapping[str, str], name: str, default: int) -> int:
    text = given.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) < 14 and int(text) <= LARGEST_BYTES):
        raise ValueError(f"{name} is {text!r}; it must be a whole number from 0 to {LARGEST_BYTES}.")
    return int(text)


def _status(given: Mapping[str, str], default: int) -> int:
    text = given.get("status", str(default))
    if not (text.isascii() and text.isdecimal() and len(text) == 3 and 200 <= int(text) <= 599):
        raise ValueError(f"status is {text!r}; it must be a status from 200 to 599.")
    return int(text)


def upstream_address(upstream: str, number: int, latency_ms: int, size: int) -> str:
    """One of several addresses that are alike but for their number."""
    return f"{upstream}/?latency_ms={latency_ms}&bytes={size}&n={number}"
