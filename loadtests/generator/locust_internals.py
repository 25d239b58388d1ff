"""The private names of Locust that the generator leans on, each in this one place.

`tests/unit/test_privates.py` says in a sentence which of them a new release has changed.
"""

from collections.abc import Callable
from typing import Any

import locust.stats
from locust.env import Environment
from locust.runners import WorkerRunner
from locust.user.task import LOCUST_STATE_STOPPING

LISTENER = ("locust.runners", "on_request")
"""Module and name of the listener that counts requests into Locust's table, one at a time."""


def replace_listener(
    environment: Environment, wrap: Callable[[Callable[..., None]], Callable[..., None]]
) -> None:
    """Put a listener in the place of Locust's own; raises RuntimeError where there is none of its name.

    The runner registers its listener before any other. Where a later Locust names it otherwise this says so,
    rather than counting twice.
    """
    handlers = environment.events.request._handlers
    for position, handler in enumerate(handlers):
        if (handler.__module__, handler.__name__) == LISTENER:
            handlers[position] = wrap(handler)
            return
    raise RuntimeError(
        f"this Locust has no listener '{LISTENER[1]}' in {LISTENER[0]}: its table cannot be fed."
    )


def replace_rounding(rounding: Callable[[float], float]) -> None:
    """How response times become keys of Locust's percentiles, which are whole milliseconds otherwise."""
    stats: Any = locust.stats
    stats.bucket_response_time = rounding


def keep_second(entry: Any, second: int) -> None:
    """Have an entry of the table remember its response times of a second, for the charts of the UI."""
    entry._cache_response_times(second)


def send_statistics(runner: WorkerRunner) -> None:
    """Send a Locust worker's statistics to the master now."""
    runner._send_stats()


def is_stopping(user: Any) -> bool:
    """Whether Locust has asked a user to stop."""
    return bool(user._state == LOCUST_STATE_STOPPING)
