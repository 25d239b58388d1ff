"""From verdicts to pages: pure functions of the archive; no figure is made here, only shown."""

from collections.abc import Collection, Sequence
from pathlib import Path

from loadtests.analysis.summary import against, build
from loadtests.report.writing import FORMATS, write

__all__ = ["FORMATS", "compare", "sentences", "told", "write_report"]


def write_report(run_dirs: Sequence[Path], formats: Collection[str] = FORMATS) -> list[Path]:
    """Write the report of one run, or of several pooled, into the first one's directory.

    Returns the files, the page first. Raises FormatError and `archive.ArchiveError`, each one sentence.
    """
    return write(build(run_dirs), run_dirs[0], formats)


def sentences(run_dir: Path) -> list[str]:
    """One plain sentence for each scenario of the run; of an invalid run, why it gives no answer."""
    summary = build([run_dir])
    reasons = [f"no answer: {reason}." for reason in summary.reasons]
    unequal = [f"{looked.sentence}." for looked in summary.sameness if not looked.alike]
    return [*reasons, *unequal, *(sentence.text for sentence in summary.sentences)]


def told(run_dir: Path) -> list[str]:
    """The headline, which notes bear on it, and the sentences: what a terminal shows of a run."""
    summary = build([run_dir])
    reasons = [f"no answer: {reason}." for reason in summary.reasons]
    return [summary.headline, summary.trust, *reasons, *(sentence.text for sentence in summary.sentences)]


def compare(base: Path, new: Sequence[Path], *, force: bool = False) -> list[Path]:
    """Write a comparison page of each new run with the base into the new run's directory.

    Raises CompareError for different machines and quick runs, unless forced.
    """
    before = build([base])
    written = []
    for run_dir in new:
        summary = against(before, build([run_dir]), force=force)
        stem = f"compare-{before.runs[0].run}"
        written += write(summary, run_dir, ("html", "json"), {"html": f"{stem}.html", "json": f"{stem}.json"})
    return written
