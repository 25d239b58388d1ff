"""What a person sees while a run goes on: a live line where there is a terminal, else a line every 10 s.

Written to standard error and drawn at most twice a second: the suite shares the generator's processor.
"""

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TextIO

from rich.console import Console
from rich.live import Live
from rich.text import Text

from loadtests.lab.order import PlannedCell
from loadtests.model.records import CellRecord, SearchRecord

PLAIN_EVERY_S, LIVE_EVERY_S = 10.0, 0.5
WARNINGS_SHOWN = 3


@dataclass
class Progress:
    """Cell i of n, time left, live throughput, p99, failures and the last warnings; silent with `quiet`."""

    quiet: bool = False
    stream: TextIO = field(default_factory=lambda: sys.stderr)
    _console: Console | None = None
    _live: Live | None = None
    _cell: PlannedCell | None = None
    _number: int = 0
    _count: int = 0
    _finished: int = 0
    _estimate_s: float = 0.0
    _begun: float = 0.0
    _drawn: float = 0.0
    _second: Mapping[str, Any] = field(default_factory=dict)
    _warnings: list[str] = field(default_factory=list)

    def begin(self, done: int, left: int, estimate_s: float) -> None:
        self._number, self._finished, self._count = done, done, done + left
        self._estimate_s, self._begun = estimate_s, time.monotonic()
        self._console = Console(file=self.stream, highlight=False)
        if self._console.is_terminal and not self.quiet:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        again = f", {done} of them measured already" if done else ""
        cells = "1 cell" if self._count == 1 else f"{self._count} cells"
        self.note(f"{cells}{again}, about {duration(estimate_s)}.")

    def cell(self, cell: PlannedCell) -> None:
        self._cell, self._second = cell, {}
        self._number += 1
        self._draw()

    def tick(self, second: Mapping[str, Any]) -> None:
        """A second of the load generator, as in `live.jsonl`; {} before its first."""
        self._second = second
        self._draw()

    def done(self, record: CellRecord, *, of_search: bool = False) -> None:
        self._finished += 0 if of_search else 1
        for warning in record.warnings:
            self._warn(f"{record.id}: {warning}")
        if record.state in ("invalid", "generator-limited"):
            self.note(f"{record.id} is {record.state}: {record.reason}")

    def found(self, record: SearchRecord) -> None:
        self._finished += 1
        level = "none" if record.low is None else f"{record.low:g}"
        beyond = "" if record.high is None else f", not at {record.high:g}"
        self.note(f"{record.id}: met at {level}{beyond}{f' ({record.reason})' if record.reason else ''}")

    def note(self, text: str) -> None:
        """A line that stays."""
        if self.quiet:
            return
        if self._live is not None:
            self._live.console.print(text, markup=False, soft_wrap=True)
        else:
            print(text, file=self.stream, flush=True)

    def end(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def remaining_s(self) -> float:
        """The estimate, corrected by how it fared so far."""
        spent = time.monotonic() - self._begun
        share = self._finished / self._count if self._count else 1.0
        return max(0.0, self._estimate_s - spent if share < 0.1 else spent / share - spent)

    def _draw(self) -> None:
        now = time.monotonic()
        every = PLAIN_EVERY_S if self._live is None else LIVE_EVERY_S
        if self.quiet or now - self._drawn < every:
            return
        self._drawn = now
        if self._live is not None:
            self._live.update(Text("\n".join([self._line(), *self._warnings])), refresh=True)
        else:
            print(self._line(), file=self.stream, flush=True)

    def _line(self) -> str:
        parts = [f"cell {self._number} of {self._count}", f"{duration(self.remaining_s())} left"]
        if self._cell is not None:
            parts.append(self._cell.id)
        if self._second:
            ok, failed, p99 = (self._second.get(name) for name in ("ok", "failed", "p99_us"))
            parts.append(f"{self._second.get('phase')} {ok}/s")
            parts.append("p99 -" if p99 is None else f"p99 {p99 / 1000:.1f} ms")
            parts.append(f"{failed} failed")
            parts.append(f"{self._second.get('in_flight')} in flight")
        return " · ".join(parts)

    def _warn(self, text: str) -> None:
        self._warnings = [*self._warnings, f"warning: {text}"][-WARNINGS_SHOWN:]


def duration(seconds: float) -> str:
    """Such as `45 s`, `3 min 20 s` or `2 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
