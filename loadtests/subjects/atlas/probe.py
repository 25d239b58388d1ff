"""What a probe is, and what was seen: plain values."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

LIMIT_S = 5.0  # of one probe, once its server is up
SILENT = f"no answer within {LIMIT_S:g} s"
GONE = "closed without an answer"
NOT_STARTED = "it does not start so"
NO_OPTION = "no such option"
ALWAYS_POSSIBLE = (SILENT, GONE, NOT_STARTED, NO_OPTION)

SHARED, FRESH, TWO, RECYCLING = "shared", "fresh", "two processes", "recycling"


@dataclass(frozen=True)
class Seen:
    """An answer in the probe's words, and the figure behind it in its unit, or the range of several."""

    answer: str
    figure: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Probe:
    """One row of the atlas.

    `answers` are all that are possible beside those of `ALWAYS_POSSIBLE`; none where what is read back is a
    value. `right` are those that the rule allows; none where no rule binds. `ask` takes a running server.
    `server` is the start it needs, `application` whether it needs the bare one, `quick` whether it waits for
    nothing.
    """

    name: str
    question: str
    sent: str
    rule: str
    matters: str
    ask: Callable[[Any], Seen]
    answers: tuple[str, ...] = ()
    right: tuple[str, ...] = ()
    group: str = ""
    unit: str = ""
    interface: str = ""
    server: str = SHARED
    application: bool = True
    quick: bool = True

    def concerns(self, interface: str) -> bool:
        return self.interface in ("", interface)

    def differs(self, answer: str) -> bool:
        """Whether an answer is not what the rule allows."""
        return bool(self.right) and answer not in (*self.right, NOT_STARTED, NO_OPTION)
