"""The end of a suite in a terminal: headline, table and next command, in 80 columns and in 120."""

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from loadtests.analysis.summary import build
from loadtests.report.terminal import table_lines
from tests.report.seen import archive


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("runs")
    return {winner: archive(folder, winner) for winner in ("asgi", "undecided")}


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("winner", ["asgi", "undecided"])
def test_it_fits_and_breaks_no_word(runs: dict[str, Path], width: int, winner: str) -> None:
    lines = table_lines(runs[winner], Console(width=width, file=io.StringIO(), highlight=False))
    assert len(lines) <= 20
    assert max(map(len, lines)) <= width
    text = re.sub(r"\s+", " ", " ".join(lines))
    summary = build([runs[winner]])
    assert summary.headline in text
    for word in ("asgi-uvicorn", "wsgi-gthread", "process-wait", "download-small", "128 users"):
        assert word in text
    for answer in summary.answers:
        assert f" {answer.verdict}" in text


@pytest.mark.parametrize(("no_color", "coloured"), [(None, True), ("1", False)])
def test_colour_is_left_out_where_nobody_wants_it(
    runs: dict[str, Path], monkeypatch: pytest.MonkeyPatch, no_color: str | None, coloured: bool
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    if no_color is not None:
        monkeypatch.setenv("NO_COLOR", no_color)
    console = Console(width=80, file=io.StringIO(), force_terminal=True)
    text = "\n".join(table_lines(runs["asgi"], console))
    assert bool(re.search(r"\x1b\[(?:\d+;)*3[0-7]m", text)) == coloured
