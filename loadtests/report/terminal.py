"""The end of a suite in a terminal: headline, a table of the answers, and the command that comes next."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from loadtests.analysis.metrics import METRICS
from loadtests.analysis.points import point_id
from loadtests.analysis.summary import Summary, build
from loadtests.analysis.wording import winner
from loadtests.model.records import Level
from loadtests.report.figures import NONE, figure
from loadtests.report.keys import BOUNDS
from loadtests.report.panels import level_text

BAR, BAR_TIMES = 10, 5.0  # letters of a bar, and the ratio that fills it
STYLES = {"faster": "green", "slower": "green", "equivalent": "cyan", "invalid": "red"}


def ending(summary: Summary) -> Group:
    """What stands at the end of a run; it fits 80 columns, and no word of it is broken."""
    document = summary.model_dump(mode="json")
    parts: list[Any] = [Text(summary.headline, style="bold"), Text(summary.trust, style="dim")]
    parts += [Text(f"no answer: {reason}.", style="red") for reason in summary.reasons]
    if summary.answers:
        parts.append(_table(summary, document))
    else:
        parts += [Text(sentence.text) for sentence in summary.sentences]
    parts += [Text(f"{step.text}: {step.command}") for step in summary.advice if "repeat" not in step.text]
    return Group(*parts)


def table_lines(run: Path, console: Console | None = None) -> list[str]:
    """The end's lines, as wide as the terminal; without colours where NO_COLOR is set or nobody sees them."""
    console = console or Console(highlight=False)
    with console.capture() as written:
        console.print(ending(build([run])))
    return [line.rstrip() for line in written.get().splitlines()]


def _table(summary: Summary, document: Mapping[str, Any]) -> Table:
    table = Table(box=None, padding=(0, 1), pad_edge=False)
    for heading in ("workload", "A", "B", "better", "verdict"):
        table.add_column(heading, header_style="dim", overflow="fold")
    for answer, told in zip(summary.answers, document["answers"], strict=True):
        best = winner(answer, answer.server, answer.baseline)
        bound = "≥ " if answer.verdict in ("at least", "at most") else ""
        ratio = best[1] if best else answer.ratio
        better = Text(NONE if ratio is None else f"{bound}{figure(ratio, 'times')}")
        if best:
            filled = max(1, min(BAR, round(BAR * (best[1] - 1) / (BAR_TIMES - 1))))
            better.append(f"\n{'█' * filled}")
        table.add_row(
            f"{answer.scenario}\n{level_text(told['level'])}",
            *(
                Text(
                    f"{side}\n{_reached(summary, side, answer.scenario, answer.level, answer.metric)}",
                    style="bold" if best and best[0] == side else "",
                )
                for side in (answer.server, answer.baseline)
            ),
            better,
            Text(f"{answer.verdict}\n{answer.blocks} blocks", style=STYLES.get(answer.verdict, "yellow")),
        )
    return table


def _reached(summary: Summary, server: str, scenario: str, level: Level, metric: str) -> str:
    """What a side did, with the sign of its bound."""
    point = summary.points.get(point_id(server, scenario, level))
    estimate = point.estimates[metric] if point else None
    return NONE if estimate is None else BOUNDS[estimate.bound] + figure(estimate.value, METRICS[metric].unit)
