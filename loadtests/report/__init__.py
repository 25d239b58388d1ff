"""From verdicts to pages: pure functions of the archive; no figure is made here, only shown."""

from collections.abc import Collection, Sequence
from pathlib import Path

from loadtests.analysis.summary import build
from loadtests.lab.archive import write_text
from loadtests.report.markdown import markdown
from loadtests.report.page import page
from loadtests.report.tables import csv_table

FORMATS = ("html", "md", "json", "csv")
FILES = {"html": "report.html", "md": "report.md", "json": "summary.json", "csv": "summary.csv"}


def write_report(run_dirs: Sequence[Path], formats: Collection[str] = FORMATS) -> list[Path]:
    """Write the asked formats into the run's directory and return the files, the page first.

    Raises ValueError in one sentence for an unknown format or a directory that is no run.
    """
    unknown = sorted(set(formats) - set(FORMATS))
    if unknown:
        raise ValueError(f"format {unknown[0]!r} is none of {', '.join(FORMATS)}.")
    summary = build(run_dirs)
    document = summary.model_dump(mode="json")
    makers = {
        "html": lambda: page(document),
        "md": lambda: markdown(document),
        "json": lambda: summary.model_dump_json(indent=1) + "\n",
        "csv": lambda: csv_table(summary),
    }
    written = []
    for name in FORMATS:
        if name in formats:
            path = run_dirs[0] / FILES[name]
            write_text(path, makers[name]())
            written.append(path)
    return written


def sentences(run_dir: Path) -> list[str]:
    """One plain sentence for each scenario of the run."""
    return [sentence.text for sentence in build([run_dir]).sentences]
