"""Reports as files: each whole or not there at all."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from loadtests.analysis.summary import Summary
from loadtests.archive import write_bytes, write_text
from loadtests.report.documents import summary_text
from loadtests.report.drawing import png, svg
from loadtests.report.markdown import markdown
from loadtests.report.page import page
from loadtests.report.pictures import pictures
from loadtests.report.tables import csv_table, requests_table

FORMATS = ("html", "md", "json", "csv", "svg", "png")
NAMES = {"html": "report.html", "md": "report.md", "json": "summary.json", "csv": "summary.csv"}


class FormatError(ValueError):
    """A format that does not exist; ready for the user."""


def write(
    summary: Summary, directory: Path, formats: Collection[str], names: Mapping[str, str] = NAMES
) -> list[Path]:
    """Write `summary` into `directory` under `names`. Markdown brings its pictures along."""
    unknown = sorted(set(formats) - set(FORMATS))
    if unknown:
        raise FormatError(f"format {unknown[0]!r} is none of {', '.join(FORMATS)}.")
    document = summary.model_dump(mode="json")
    drawn = pictures(document) if {"md", "svg", "png"} & set(formats) else {}
    addresses = {text: f"charts/{stem}.svg" for stem, (text, _) in drawn.items()}
    makers: dict[str, Callable[[], str]] = {
        "html": lambda: page(document, names),
        "md": lambda: markdown(document, addresses),
        "json": lambda: summary_text(summary),
        "csv": lambda: csv_table(summary),
    }
    written = []
    for kind, make in makers.items():
        if kind in formats and kind in names:
            written.append(directory / names[kind])
            write_text(written[-1], make())
    if "csv" in formats and "csv" in names and (rows := requests_table(summary)):
        written.append(directory / "requests.csv")
        write_text(written[-1], rows)
    for stem, (_, chart) in drawn.items():
        place = directory / "charts"
        place.mkdir(exist_ok=True)
        if {"md", "svg"} & set(formats):
            written.append(place / f"{stem}.svg")
            write_text(written[-1], svg(chart))
        if "png" in formats:
            written.append(place / f"{stem}.png")
            write_bytes(written[-1], png(chart))
    return written
